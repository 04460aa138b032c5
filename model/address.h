/* address.h - where something listens: a host and a port, as text and as the kernel wants it. */
#ifndef SYNCBED_MODEL_ADDRESS_H
#define SYNCBED_MODEL_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define HOST_SIZE 64

struct address {
    char host[HOST_SIZE];
    uint16_t port;
};

/* "127.0.0.1:20101" */
__attribute__((warn_unused_result)) int address_parse(const char *text,
                                                      struct address *ret_address);

/* -EINVAL: the host is no IPv4 address; names are not looked up. */
__attribute__((warn_unused_result)) int address_socket(const struct address *address,
                                                       struct sockaddr_in *ret_address);

/* 127.…: only this machine reaches what listens there. */
bool address_is_loopback(const struct address *address);

/* 127.0.0.1, where the servers that the keeper starts listen. */
struct sockaddr_in address_loopback(uint16_t port);

#endif
