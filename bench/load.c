/* The load: Python as the client would be what is measured.
 *
 *   load talk  ADDRESS PORT SOURCES AT_ONCE SECONDS REPLY   connect, send 100 bytes, await REPLY bytes, close; over and over
 *   load get   ADDRESS PORT SOURCES AT_ONCE SECONDS         connect, GET / without keep-alive, await the end; over and over
 *   load pull  ADDRESS PORT SOURCES SECONDS                 one connection: receive as much as comes
 *   load push  ADDRESS PORT SOURCES SECONDS                 one connection: send as much as goes
 *   load hold  ADDRESS PORT SOURCES COUNT                   open COUNT connections, say "open", hold them until stdin ends
 *   load chat  ADDRESS PORT SOURCES COUNT AT_ONCE           open COUNT connections, say "open", then obey lines on stdin:
 *                                                           "all": 100 bytes and their echo on each; "for SECONDS": on
 *                                                           one after the other
 *   load syns  INTERFACE MAC ADDRESS PORT SECONDS           SYNs from 198.18.0.0/15 as fast as they go
 *
 * SOURCES is how many addresses from 192.0.2.100 on clients bind to, in turn. One line of numbers goes to stdout.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#define REQUEST 100
#define BATCH 64

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static struct sockaddr_in server;
static int sources, next_source;

static int open_connection(int flags) {
    struct sockaddr_in own = {.sin_family = AF_INET};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    if (fd < 0) die("socket");
    own.sin_addr.s_addr = htonl(0xC0000264 + next_source++ % sources); /* 192.0.2.100 and up */
    setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&own, sizeof own)) die("bind");
    if (connect(fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

#define TO_THE_END INT_MAX

/* `reply` octets are awaited, or the end of the connection. */
static void talk(const char *request, int size, int at_once, double seconds, int reply) {
    int epoll = epoll_create1(0), *got = calloc(65536, sizeof *got);
    long done = 0, failed = 0;
    char answer[4096];
    double began = now(), end = began + seconds;
    for (int live = 0; live < at_once; live++) {
        int fd = open_connection(SOCK_NONBLOCK);
        if (fd < 0) die("connect");
        got[fd] = -1;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLOUT, .data.fd = fd});
    }
    while (now() < end) {
        struct epoll_event ready[256];
        int count = epoll_wait(epoll, ready, 256, 100);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd, finished = 0, broken = 0;
            if (got[fd] < 0) {
                if (send(fd, request, size, MSG_NOSIGNAL) != size) broken = 1;
                got[fd] = 0;
                finished = reply == 0;
                if (!finished) epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
            } else {
                ssize_t came = recv(fd, answer, sizeof answer, 0);
                if (came == 0 && reply == TO_THE_END) finished = got[fd] > 0;
                if (came <= 0) broken = !finished && (came == 0 || errno != EAGAIN);
                else finished = (got[fd] += came) >= reply;
            }
            if (!finished && !broken) continue;
            done += finished && !broken;
            failed += broken;
            close(fd);
            if ((fd = open_connection(SOCK_NONBLOCK)) < 0) {
                failed++;
                continue;
            }
            got[fd] = -1;
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLOUT, .data.fd = fd});
        }
    }
    printf("%ld %ld %.6f\n", done, failed, now() - began);
}

static void stream(double seconds, int up) {
    static char octets[1 << 17];
    int fd = open_connection(0);
    long moved = 0;
    if (fd < 0) die("connect");
    double began = now(), end = began + seconds;
    while (now() < end) {
        ssize_t size = up ? send(fd, octets, sizeof octets, MSG_NOSIGNAL) : recv(fd, octets, sizeof octets, 0);
        if (size <= 0) die("stream");
        moved += size;
    }
    printf("%ld %.6f\n", moved, now() - began);
}

static void hold(int count) {
    for (int i = 0; i < count; i++)
        if (open_connection(0) < 0) die("connect");
    printf("open\n");
    fflush(stdout);
    while (getchar() != EOF) {}
}

/* One exchange after the other, `at_once` of them under way, on connections in turn: `most` of them, or until `end`. */
static long exchange(int epoll, const int *fds, int count, int at_once, long most, double end) {
    char text[REQUEST], answer[REQUEST];
    int one = 1, *got = calloc(1 << 20, sizeof *got);
    long begun = 0, done = 0;
    memset(text, 'x', sizeof text);
    while (done < most && now() < end) {
        struct epoll_event ready[64];
        for (; begun < most && begun - done < at_once && begun - done < count; begun++)
            if (send(fds[begun % count], text, REQUEST, MSG_NOSIGNAL) != REQUEST) die("send");
        int found = epoll_wait(epoll, ready, 64, 1000);
        for (int i = 0; i < found; i++) {
            int fd = ready[i].data.fd;
            ssize_t came = recv(fd, answer, sizeof answer, 0);
            if (came <= 0) die("recv");
            setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one); /* or how many packets come depends on COUNT */
            if ((got[fd] += came) >= REQUEST) got[fd] = 0, done++;
        }
    }
    while (done < begun) { /* what is under way */
        struct epoll_event ready;
        if (epoll_wait(epoll, &ready, 1, 1000) < 1) die("lost");
        ssize_t came = recv(ready.data.fd, answer, sizeof answer, 0);
        if (came <= 0) die("recv");
        if ((got[ready.data.fd] += came) >= REQUEST) done++;
    }
    free(got);
    return done;
}

static void chat(int count, int at_once) {
    int epoll = epoll_create1(0), *fds = calloc(count, sizeof *fds), one = 1;
    char line[64];
    for (int begun = 0, open = 0; open < count;) {
        for (; begun < count && begun - open < 64; begun++) {
            if ((fds[begun] = open_connection(SOCK_NONBLOCK)) < 0) die("connect");
            setsockopt(fds[begun], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            epoll_ctl(epoll, EPOLL_CTL_ADD, fds[begun], &(struct epoll_event){.events = EPOLLOUT, .data.fd = fds[begun]});
        }
        struct epoll_event ready[64];
        int found = epoll_wait(epoll, ready, 64, 5000);
        if (found < 1) die("open");
        for (int i = 0; i < found; i++, open++) {
            if (ready[i].events & (EPOLLERR | EPOLLHUP)) die("refused");
            epoll_ctl(epoll, EPOLL_CTL_MOD, ready[i].data.fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = ready[i].data.fd});
        }
    }
    for (int i = count - 1; i > 0; i--) { /* neighbours in memory shall not be neighbours in time */
        int other = rand() % (i + 1), fd = fds[i];
        fds[i] = fds[other], fds[other] = fd;
    }
    printf("open\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        double began = now(), seconds;
        long done = sscanf(line, "for %lf", &seconds) == 1 ? exchange(epoll, fds, count, at_once, LONG_MAX, began + seconds) : exchange(epoll, fds, count, at_once, count, began + 600);
        printf("%ld %.6f\n", done, now() - began);
        fflush(stdout);
    }
}

static uint32_t sum(const void *data, int size, uint32_t total) {
    const uint16_t *word = data;
    for (; size > 1; size -= 2) total += *word++;
    return total;
}

static uint16_t fold(uint32_t total) {
    while (total >> 16) total = (total & 0xffff) + (total >> 16);
    return ~total;
}

static void syns(char **argument) {
    struct __attribute__((packed)) frame { struct ether_header e; struct iphdr ip; struct tcphdr tcp; uint8_t mss[4]; } frames[BATCH];
    struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(argument[0])};
    struct sockaddr_ll own;
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    socklen_t size = sizeof own;
    uint32_t target = inet_addr(argument[2]), number = 0;
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    long sent = 0;
    if (fd < 0 || bind(fd, (struct sockaddr *)&link, sizeof link) || getsockname(fd, (struct sockaddr *)&own, &size)) die("packet socket");
    memset(frames, 0, sizeof frames);
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        struct frame *f = &frames[i];
        unsigned mac[6];
        sscanf(argument[1], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]);
        for (int k = 0; k < 6; k++) f->e.ether_dhost[k] = mac[k];
        memcpy(f->e.ether_shost, own.sll_addr, 6);
        f->e.ether_type = htons(ETHERTYPE_IP);
        f->ip.version = 4, f->ip.ihl = 5, f->ip.ttl = 64, f->ip.protocol = IPPROTO_TCP, f->ip.daddr = target;
        f->ip.tot_len = htons(sizeof f->ip + sizeof f->tcp + sizeof f->mss);
        f->tcp.doff = 6, f->tcp.syn = 1, f->tcp.window = htons(64240), f->tcp.dest = htons(atoi(argument[3]));
        memcpy(f->mss, "\2\4\5\264", 4);
        vectors[i] = (struct iovec){f, sizeof *f};
        messages[i].msg_hdr.msg_iov = &vectors[i], messages[i].msg_hdr.msg_iovlen = 1;
    }
    double began = now(), end = began + atof(argument[4]);
    while (now() < end) {
        for (int i = 0; i < BATCH; i++, number++) {
            struct frame *f = &frames[i];
            uint32_t pseudo;
            f->ip.saddr = htonl(0xC6120000 + (number * 2654435761u >> 15)); /* 198.18.0.0/15, scattered */
            f->ip.id = htons(number), f->ip.check = 0, f->ip.check = fold(sum(&f->ip, sizeof f->ip, 0));
            f->tcp.source = htons(1024 + number % 60000), f->tcp.seq = htonl(number * 2246822519u), f->tcp.check = 0;
            pseudo = sum(&f->ip.saddr, 8, htons(IPPROTO_TCP) + htons(sizeof f->tcp + sizeof f->mss));
            f->tcp.check = fold(sum(&f->tcp, sizeof f->tcp + sizeof f->mss, pseudo));
        }
        int taken = sendmmsg(fd, messages, BATCH, 0);
        if (taken > 0) sent += taken;
    }
    printf("%ld %.6f\n", sent, now() - began);
}

int main(int count, char **argument) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (count == 7 && !strcmp(argument[1], "syns")) return syns(argument + 2), 0;
    if (count < 6) return fprintf(stderr, "usage: load talk|get|pull|push|hold|chat|syns ...\n"), 2;
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argument[3])), .sin_addr.s_addr = inet_addr(argument[2])};
    sources = atoi(argument[4]);
    static const char get[] = "GET / HTTP/1.1\r\nHost: honeypot\r\nUser-Agent: load\r\nConnection: close\r\n\r\n";
    char text[REQUEST];
    memset(text, 'x', sizeof text);
    if (!strcmp(argument[1], "talk") && count == 8) talk(text, REQUEST, atoi(argument[5]), atof(argument[6]), atoi(argument[7]));
    else if (!strcmp(argument[1], "get") && count == 7) talk(get, sizeof get - 1, atoi(argument[5]), atof(argument[6]), TO_THE_END);
    else if (!strcmp(argument[1], "pull") || !strcmp(argument[1], "push")) stream(atof(argument[5]), argument[1][2] == 's');
    else if (!strcmp(argument[1], "hold")) hold(atoi(argument[5]));
    else if (!strcmp(argument[1], "chat") && count == 7) chat(atoi(argument[5]), atoi(argument[6]));
    else return 2;
    return 0;
}
