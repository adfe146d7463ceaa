/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "common/ports.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ports_add(struct ports *ports, unsigned first, unsigned last)
{
	for (unsigned port = first; port <= last && port <= UINT16_MAX; port++)
		ports->bits[port / 64] |= UINT64_C(1) << port % 64;
}

void ports_remove(struct ports *ports, const struct ports *others)
{
	for (size_t i = 0; i < ARRAY_SIZE(ports->bits); i++)
		ports->bits[i] &= ~others->bits[i];
}

/* The number at the head of the text, which is advanced behind it. */
static int parse_port(const char **text, unsigned *port)
{
	char *end;
	unsigned long number;

	/* strtoul() would take blanks and signs. */
	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	number = strtoul(*text, &end, 10);
	if (number > UINT16_MAX)
		return -EINVAL;
	*port = (unsigned)number;
	*text = end;
	return 0;
}

static int parse_range(const char **text, unsigned *first, unsigned *last)
{
	if (parse_port(text, first) < 0)
		return -EINVAL;
	*last = *first;
	if (**text != '-')
		return 0;
	++*text;
	if (parse_port(text, last) < 0)
		return -EINVAL;
	return *last < *first ? -EINVAL : 0;
}

int ports_parse(struct ports *ports, const char *text)
{
	unsigned first = 0, last = UINT16_MAX;

	*ports = (struct ports){ 0 };
	if (strcmp(text, "all") == 0) {
		ports_add(ports, first, last);
		return 0;
	}
	while (parse_range(&text, &first, &last) == 0) {
		ports_add(ports, first, last);
		if (*text == '\0')
			return 0;
		if (*text++ != ',')
			return -EINVAL;
	}
	return -EINVAL;
}
