/* Addresses: see the header. */
#include "model/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int address_parse(const char *text, struct address *ret_address)
{
    const char *colon = strchr(text, ':');
    size_t host = colon ? (size_t)(colon - text) : 0;
    struct address address = {0};
    size_t digits;
    long port;

    if (host == 0 || host >= HOST_SIZE || strcspn(text, " \t\"'") != strlen(text))
        return -EINVAL;
    digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0')
        return -EINVAL;
    port = strtol(colon + 1, NULL, 10);
    if (port < 1 || port > UINT16_MAX)
        return -EINVAL;
    memcpy(address.host, text, host);
    address.port = (uint16_t)port;
    *ret_address = address;
    return 0;
}

int address_socket(const struct address *address, struct sockaddr_in *ret_address)
{
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(address->port)};
    return inet_pton(AF_INET, address->host, &ret_address->sin_addr) == 1 ? 0 : -EINVAL;
}

bool address_is_loopback(const struct address *address)
{
    struct sockaddr_in socket;

    return address_socket(address, &socket) == 0 &&
           ntohl(socket.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

struct sockaddr_in address_loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}
