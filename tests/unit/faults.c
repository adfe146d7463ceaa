/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/faults.h"
#include "unit/harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define PLANS_MAX	16
#define DESCRIPTORS_MAX 1024

static struct {
	struct fault_plan plans[FAULT_CALLS][PLANS_MAX];
	size_t planned[FAULT_CALLS];
	unsigned int counts[FAULT_CALLS];
	fault_hook *hook;
	struct fault_seen seen;
	bool polling;
	const struct epoll_event *brought;
	int brought_count;
} faults;

static struct {
	int epoll_fd; /* 0 if not registered */
	struct epoll_event event;
} registered[DESCRIPTORS_MAX];

/* A test may run a worker's thread. */
static pthread_mutex_t faults_mutex = PTHREAD_MUTEX_INITIALIZER;

void __real_abort(void) __attribute__((noreturn));
int __real_epoll_create1(int flags);
int __real_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int size,
		      int timeout);
int __real_eventfd(unsigned int count, int flags);
void *__real_malloc(size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*run)(void *), void *argument);
ssize_t __real_call_receive(int fd, void *buffer, size_t size, int flags);
ssize_t __real_call_receive_message(int fd, struct msghdr *message, int flags);
ssize_t __real_call_send(int fd, const void *data, size_t size, int flags);

void __wrap_abort(void) __attribute__((noreturn));
int __wrap_epoll_create1(int flags);
int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int size,
		      int timeout);
int __wrap_eventfd(unsigned int count, int flags);
void *__wrap_malloc(size_t size);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*run)(void *), void *argument);
ssize_t __wrap_call_receive(int fd, void *buffer, size_t size, int flags);
ssize_t __wrap_call_receive_message(int fd, struct msghdr *message, int flags);
ssize_t __wrap_call_send(int fd, const void *data, size_t size, int flags);

static void plan_add(enum fault_call call, struct fault_plan plan)
{
	ck_assert_uint_lt(faults.planned[call], PLANS_MAX);
	faults.plans[call][faults.planned[call]++] = plan;
}

void fault_fail(enum fault_call call, int error)
{
	plan_add(call, (struct fault_plan){ .error = error });
}

void fault_shorten(enum fault_call call, size_t most)
{
	plan_add(call, (struct fault_plan){ .most = most });
}

void fault_pass(enum fault_call call)
{
	plan_add(call, (struct fault_plan){ 0 });
}

void fault_set_hook(fault_hook *hook)
{
	faults.hook = hook;
}

unsigned int fault_count(enum fault_call call)
{
	return faults.counts[call];
}

bool fault_is_pending(enum fault_call call)
{
	return faults.planned[call] > 0;
}

struct fault_seen fault_seen(void)
{
	return faults.seen;
}

void fault_epoll_poll(void)
{
	faults.polling = true;
}

void fault_epoll_bring(const struct epoll_event *events, int count)
{
	faults.brought = events;
	faults.brought_count = count;
}

static struct fault_plan plan_take(enum fault_call call, int flags)
{
	struct fault_plan *plans = faults.plans[call], plan = plans[0];

	if (faults.planned[call] == 0)
		return faults.hook ? faults.hook(call, flags)
				   : (struct fault_plan){ 0 };
	faults.planned[call]--;
	memmove(plans, plans + 1, faults.planned[call] * sizeof(*plans));
	return plan;
}

/* Count the call; sets errno if it is to fail. */
static struct fault_plan plan_with_flags(enum fault_call call, int flags)
{
	struct fault_plan plan;

	pthread_mutex_lock(&faults_mutex);
	faults.counts[call]++;
	plan = plan_take(call, flags);
	pthread_mutex_unlock(&faults_mutex);
	if (plan.error != 0)
		errno = plan.error;
	return plan;
}

static struct fault_plan plan_for(enum fault_call call)
{
	return plan_with_flags(call, 0);
}

static size_t shortened(struct fault_plan plan, size_t size)
{
	return plan.most > 0 && plan.most < size ? plan.most : size;
}

void __wrap_abort(void)
{
	if (plan_for(FAULT_ABORT).error != 0)
		pthread_exit(NULL);
	__real_abort();
}

int __wrap_epoll_create1(int flags)
{
	if (plan_for(FAULT_EPOLL_CREATE1).error != 0)
		return -1;
	return __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	int result;

	faults.seen.armed = event->events;
	if (plan_for(FAULT_EPOLL_CTL).error != 0)
		return -1;
	result = __real_epoll_ctl(epoll_fd, op, fd, event);
	if (result == 0) {
		ck_assert_int_lt(fd, DESCRIPTORS_MAX);
		registered[fd].epoll_fd = op == EPOLL_CTL_DEL ? 0 : epoll_fd;
		registered[fd].event = *event;
	}
	return result;
}

void fault_renew_edges(void)
{
	for (int fd = 0; fd < DESCRIPTORS_MAX; fd++)
		if (registered[fd].epoll_fd > 0)
			(void)__real_epoll_ctl(registered[fd].epoll_fd,
					       EPOLL_CTL_MOD, fd,
					       &registered[fd].event);
}

int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int size,
		      int timeout)
{
	int count = -1;

	if (plan_for(FAULT_EPOLL_WAIT).error != 0) {
		;
	} else if (faults.brought) {
		count = faults.brought_count;
		memcpy(events, faults.brought, (size_t)count * sizeof(*events));
		faults.brought = NULL;
	} else {
		count = __real_epoll_wait(epoll_fd, events, size,
					  faults.polling ? 0 : timeout);
	}
	pthread_mutex_lock(&faults_mutex);
	faults.seen.timeout = timeout;
	faults.seen.count = count;
	pthread_mutex_unlock(&faults_mutex);
	return count;
}

int __wrap_eventfd(unsigned int count, int flags)
{
	if (plan_for(FAULT_EVENTFD).error != 0)
		return -1;
	return __real_eventfd(count, flags);
}

void *__wrap_malloc(size_t size)
{
	if (plan_for(FAULT_MALLOC).error != 0)
		return NULL;
	return __real_malloc(size);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*run)(void *), void *argument)
{
	int error = plan_for(FAULT_PTHREAD_CREATE).error;

	if (error != 0)
		return error;
	return __real_pthread_create(thread, attributes, run, argument);
}

ssize_t __wrap_call_receive(int fd, void *buffer, size_t size, int flags)
{
	struct fault_plan plan = plan_with_flags(FAULT_RECV, flags);

	if (plan.error != 0)
		return -1;
	return __real_call_receive(fd, buffer, shortened(plan, size), flags);
}

ssize_t __wrap_call_receive_message(int fd, struct msghdr *message, int flags)
{
	if (plan_with_flags(FAULT_RECV, flags).error != 0)
		return -1;
	return __real_call_receive_message(fd, message, flags);
}

ssize_t __wrap_call_send(int fd, const void *data, size_t size, int flags)
{
	struct fault_plan plan = plan_with_flags(FAULT_SEND, flags);

	if (plan.error != 0)
		return -1;
	return __real_call_send(fd, data, shortened(plan, size), flags);
}
