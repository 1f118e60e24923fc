/* Packets from sources that do not exist, at a steady rate.
 *
 *   packets udp|syn INTERFACE MAC SOURCE DESTINATION PORT SOURCES RATE SECONDS
 *
 * RATE packets a second for SECONDS, to PORT of DESTINATION, from SOURCES addresses in turn: SOURCE and those that
 * follow, for IPv6 in a /64 each. Source ports and contents differ from packet to packet. "sent seconds" goes to stdout.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define LONGEST 128
#define UDP_DATA 32

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void put16(uint8_t *at, uint32_t value) { at[0] = value >> 8, at[1] = value; }
static void put32(uint8_t *at, uint32_t value) { put16(at, value >> 16), put16(at + 2, value); }

static uint32_t sum(const uint8_t *data, int size, uint32_t total) {
    for (int i = 0; i < size; i += 2) total += data[i] << 8 | (i + 1 < size ? data[i + 1] : 0);
    return total;
}

static uint16_t fold(uint32_t total) {
    while (total >> 16) total = (total & 0xffff) + (total >> 16);
    return ~total;
}

/* SOURCE + number: the last 32 bits of an IPv4 address, the bits before the last 64 of an IPv6 one. */
static void put_source(uint8_t *at, const uint8_t *first, int width, uint32_t number) {
    int end = width == 4 ? 4 : 8;
    memcpy(at, first, width);
    for (int i = end - 1; number; i--) {
        number += at[i];
        at[i] = number;
        number >>= 8;
    }
}

/* One packet behind the Ethernet header at `frame`; its whole length. */
static int build(uint8_t *frame, int syn, int width, const uint8_t *source, const uint8_t *target, int port, uint32_t sources, uint32_t number) {
    uint8_t *ip = frame + 14, *addresses = ip + (width == 4 ? 12 : 8), *upper = addresses + 2 * width;
    int size = syn ? 24 : 8 + UDP_DATA, protocol = syn ? 6 : 17;
    uint32_t turn = number / sources;
    put16(frame + 12, width == 4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
    memset(ip, 0, LONGEST - 14);
    put_source(addresses, source, width, number % sources);
    memcpy(addresses + width, target, width);
    if (width == 4) {
        ip[0] = 0x45, ip[8] = 64, ip[9] = protocol;
        put16(ip + 2, 20 + size), put16(ip + 4, number);
        put16(ip + 10, fold(sum(ip, 20, 0)));
    } else {
        ip[0] = 0x60, ip[6] = protocol, ip[7] = 64;
        put16(ip + 4, size);
    }
    put16(upper, 1024 + (turn + number % sources) % 60000), put16(upper + 2, port);
    if (syn) {
        put32(upper + 4, number * 2246822519u);
        upper[12] = 6 << 4, upper[13] = 2;
        put16(upper + 14, 64240);
        memcpy(upper + 20, "\2\4\5\264", 4);
    } else {
        put16(upper + 4, size);
        for (int i = 8; i < size; i += 4) put32(upper + i, number);
    }
    uint16_t check = fold(sum(upper, size, sum(addresses, 2 * width, protocol + size)));
    put16(upper + (syn ? 16 : 6), check ? check : 0xffff);
    return upper + size - frame;
}

int main(int count, char **argument) {
    static uint8_t frames[BATCH][LONGEST];
    uint8_t source[16], target[16];
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_ll link = {.sll_family = AF_PACKET}, own;
    socklen_t size = sizeof own;
    unsigned mac[6];
    if (count != 10) return fprintf(stderr, "usage: packets udp|syn INTERFACE MAC SOURCE DESTINATION PORT SOURCES RATE SECONDS\n"), 2;
    int syn = !strcmp(argument[1], "syn"), family = strchr(argument[4], ':') ? AF_INET6 : AF_INET, width = family == AF_INET ? 4 : 16;
    int fd = socket(AF_PACKET, SOCK_RAW, 0), port = atoi(argument[6]);
    uint32_t sources = atoi(argument[7]), number = 0;
    double rate = atof(argument[8]), seconds = atof(argument[9]);
    long sent = 0, refused = 0;
    link.sll_ifindex = if_nametoindex(argument[2]);
    if (inet_pton(family, argument[4], source) != 1 || inet_pton(family, argument[5], target) != 1) return fprintf(stderr, "bad address\n"), 2;
    if (sscanf(argument[3], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6) return 2;
    if (fd < 0 || bind(fd, (struct sockaddr *)&link, sizeof link) || getsockname(fd, (struct sockaddr *)&own, &size)) return perror("packet socket"), 1;
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        for (int k = 0; k < 6; k++) frames[i][k] = mac[k];
        memcpy(frames[i] + 6, own.sll_addr, 6);
        messages[i].msg_hdr.msg_iov = &vectors[i], messages[i].msg_hdr.msg_iovlen = 1;
    }
    double began = now(), t;
    while ((t = now() - began) < seconds) {
        double due = t * rate - sent;
        int batch = due < 1 ? 0 : due < BATCH ? (int)due : BATCH;
        if (!batch) {
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
            continue;
        }
        for (int i = 0; i < batch; i++)
            vectors[i] = (struct iovec){frames[i], build(frames[i], syn, width, source, target, port, sources, number + i)};
        int taken = sendmmsg(fd, messages, batch, 0);
        if (taken > 0) sent += taken, number += taken;
        else if (++refused > 1000000) return perror("sendmmsg"), 1;
    }
    printf("%ld %.6f\n", sent, now() - began);
    return 0;
}
