/* The load over TLS, with OpenSSL: full handshakes, each session forgotten.
 *
 *   tls_load talk ADDRESS PORT SOURCES AT_ONCE SECONDS VERSION  handshake, 100 bytes, 100 back, close_notify, close; over and over
 *   tls_load hold ADDRESS PORT SOURCES COUNT VERSION            COUNT connections each of which has talked; then as `load hold`
 *   tls_load half ADDRESS PORT SOURCES COUNT VERSION            COUNT connections that have sent a hello and nothing else
 *
 * VERSION is 12 or 13. SOURCES is how many addresses from 192.0.2.100 on clients bind to, in turn. One line of numbers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
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
#define FILES 65536

static struct sockaddr_in server;
static int sources, next_source, epoll;
static SSL_CTX *context;
static struct peer { SSL *tls; int got, asked; } peers[FILES];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int begin(int flags) {
    struct sockaddr_in own = {.sin_family = AF_INET};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    if (fd < 0 || fd >= FILES) die("socket");
    own.sin_addr.s_addr = htonl(0xC0000264 + next_source++ % sources); /* 192.0.2.100 and up */
    setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&own, sizeof own)) die("bind");
    if (connect(fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) die("connect");
    peers[fd] = (struct peer){.tls = SSL_new(context)};
    SSL_set_fd(peers[fd].tls, fd);
    SSL_set_connect_state(peers[fd].tls);
    SSL_set_tlsext_host_name(peers[fd].tls, "www.example");
    return fd;
}

static void begin_polled(void) {
    int fd = begin(SOCK_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) die("epoll");
}

/* 1 once the reply is whole, 0 while it is not, -1 when the connection failed. */
static int step(struct peer *peer) {
    char buffer[4096] = "honeypot";
    int size = SSL_do_handshake(peer->tls);
    if (size == 1 && !peer->asked++ && SSL_write(peer->tls, buffer, REQUEST) != REQUEST) return -1;
    while (peer->asked && (size = SSL_read(peer->tls, buffer, sizeof buffer)) > 0)
        if ((peer->got += size) >= REQUEST) return 1;
    return SSL_get_error(peer->tls, size) == SSL_ERROR_WANT_READ ? 0 : -1;
}

static void end(int fd) {
    SSL_shutdown(peers[fd].tls); /* close_notify, without waiting for theirs: what most clients do */
    SSL_free(peers[fd].tls);
    close(fd);
}

static void talk(int at_once, double seconds) {
    struct epoll_event ready[256];
    long done = 0, failed = 0;
    double began = now(), until = began + seconds;
    for (int live = 0; live < at_once; live++) begin_polled();
    while (now() < until) {
        int count = epoll_wait(epoll, ready, 256, 100);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd, state;
            if (!(state = step(&peers[fd]))) continue;
            state > 0 ? done++ : failed++;
            end(fd);
            begin_polled();
        }
    }
    printf("%ld %ld %.6f\n", done, failed, now() - began);
}

static void hold(int count, int whole) {
    for (int i = 0; i < count; i++) {
        int fd = begin(0);
        if (!whole) SSL_set0_rbio(peers[fd].tls, BIO_new(BIO_s_mem())); /* nothing to read: the hello goes, no more */
        if (step(&peers[fd]) != whole) die("talk");
    }
    printf("open\n");
    fflush(stdout);
    while (getchar() != EOF) {}
}

int main(int count, char **argument) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    if (count < 7) return fprintf(stderr, "usage: tls_load talk|hold|half ...\n"), 2;
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argument[3])), .sin_addr.s_addr = inet_addr(argument[2])};
    sources = atoi(argument[4]);
    int version = !strcmp(argument[count - 1], "13") ? TLS1_3_VERSION : TLS1_2_VERSION;
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256"); /* one suite, so that all servers do the same work */
    SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-GCM-SHA256");
    SSL_CTX_set1_groups_list(context, "X25519:P-256"); /* the second for the certificate */
    epoll = epoll_create1(0);
    if (!strcmp(argument[1], "talk") && count == 8) talk(atoi(argument[5]), atof(argument[6]));
    else if (!strcmp(argument[1], "hold")) hold(atoi(argument[5]), 1);
    else if (!strcmp(argument[1], "half")) hold(atoi(argument[5]), 0);
    else return 2;
    return 0;
}
