/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/record_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RECORD_MAGIC   "echodrec"
#define RECORD_VERSION 2

/* More than anyone has: a foreign record does not keep us for long. */
#define THREADS_MAX 65536

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Since Linux 6.3, where the administrator may ask for it; not in Debian 12. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#ifndef SYS_SECCOMP /* of si_code */
#define SYS_SECCOMP 1
#endif

#define FAULT_WINDOW_USEC (10 * USEC_PER_SEC)

/* Until the signal that is to end the process is sent once more. */
#define AGAIN_MSEC 1000

static const int fault_signals[] = { SIGSEGV, SIGBUS,  SIGILL,
				     SIGFPE,  SIGABRT, SIGSYS };

/* The record of which faults are noted, and who was to have the signals. */
static struct record_head *_Atomic caught;
static struct sigaction heirs[ARRAY_SIZE(fault_signals)];
static pid_t process;

uint64_t record_clock(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC +
	       (uint64_t)now.tv_nsec / 1000;
}

uint64_t record_counters_end(size_t threads)
{
	return sizeof(struct record_head) + threads * sizeof(struct stats);
}

/* FNV-1a: it changes when a counter is added, renamed or moved. */
static uint32_t counter_names(void)
{
	uint32_t hash = 2166136261;

	for (size_t i = 0; i < COUNTER_COUNT; i++) {
		const char *letter = stats_table[i].name;

		/* With the NUL, which tells "ab", "c" from "a", "bc". */
		do
			hash = (hash ^ (unsigned char)*letter) * 16777619;
		while (*letter++);
	}
	return hash;
}

/* -1 if there can be none, for whatever reason. */
static int memory_open(uint64_t size)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(RECORD_NAME, flags | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(RECORD_NAME, flags);
	if (fd < 0)
		return -1;
	/* Its pages, too: later there might be none, which is a SIGBUS. */
	if (fallocate(fd, 0, 0, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void *memory_map(int fd, uint64_t size)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;

	return mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
}

/* Without chance there is no limit: who knew the key could choose his place. */
static int record_limit(struct record *record, const struct limiter_rate *rate)
{
	void *table = record->stats + record->head->threads;
	struct siphash_key key;

	if (record->head->table == 0)
		return 0;
	if (getrandom(&key, sizeof(key), 0) < 0)
		return -errno;
	limiter_init(&record->limiter, table, rate, &key);
	return 0;
}

int record_create(struct record *record, size_t threads,
		  const struct limiter_rate *rate)
{
	uint64_t table =
		rate && rate->rate > 0 ? sizeof(struct limiter_table) : 0;
	uint64_t size = record_counters_end(threads) + table;
	int fd = memory_open(size);
	void *memory = memory_map(fd, size);

	if (memory == MAP_FAILED && fd >= 0) {
		close(fd);
		fd = -1;
		memory = memory_map(fd, size);
	}
	*record = (struct record){ .fd = fd, .size = size };
	if (memory == MAP_FAILED)
		return -errno;
	record->head = memory;
	record->stats = (void *)(record->head + 1);
	*record->head = (struct record_head){
		.magic = RECORD_MAGIC,
		.version = RECORD_VERSION,
		.threads = (uint32_t)threads,
		.counters = COUNTER_COUNT,
		.names = counter_names(),
		.size = size,
		.generation = 1,
		.table = table,
	};
	return record_limit(record, rate);
}

struct stats *record_stats(struct record *record, size_t thread)
{
	return &record->stats[thread];
}

/* Read, not mapped: whatever the descriptor is, nothing can fault. */
bool record_read(int fd, void *data, size_t size, uint64_t offset)
{
	return pread(fd, data, size, (off_t)offset) == (ssize_t)size;
}

/* Is it as large as what it says that it holds? */
static bool size_is_right(const struct record_head *head, off_t size)
{
	return head->threads > 0 && head->threads <= THREADS_MAX &&
	       (head->table == 0 ||
		head->table == sizeof(struct limiter_table)) &&
	       head->size == record_counters_end(head->threads) + head->table &&
	       (uint64_t)size == head->size;
}

/* Is it a record of this echod, and whole? */
static bool head_read(int fd, struct record_head *head)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat status;

	return seals >= 0 && (seals & SEALS) == SEALS &&
	       fstat(fd, &status) == 0 &&
	       record_read(fd, head, sizeof(*head), 0) &&
	       memcmp(head->magic, RECORD_MAGIC, sizeof(head->magic)) == 0 &&
	       head->version == RECORD_VERSION &&
	       head->counters == COUNTER_COUNT &&
	       head->names == counter_names() &&
	       size_is_right(head, status.st_size);
}

static bool counters_read(int fd, size_t threads, struct stats_snapshot *sum)
{
	struct stats stats;

	for (size_t i = 0; i < threads; i++) {
		if (!record_read(fd, &stats, sizeof(stats),
				 record_counters_end(i)))
			return false;
		stats_collect(&stats, sum);
	}
	return true;
}

/* Those before it, and its own, unless it ended otherwise. */
static void record_take_faults(struct record *record,
			       const struct record_head *left)
{
	uint64_t *faults = record->head->faults;

	record_absolve(record);
	faults[0] = atomic_load(&left->faulted_at);
	if (faults[0] != 0)
		memcpy(faults + 1, left->faults,
		       (RECORD_FAULTS - 1) * sizeof(*faults));
}

bool record_continue(struct record *record, int fd)
{
	struct stats_snapshot sum = { 0 };
	struct record_head left;

	if (!head_read(fd, &left) || !counters_read(fd, left.threads, &sum))
		return false;
	if (left.generation < record->head->generation)
		return true;
	record->head->generation = left.generation + 1;
	for (enum counter i = 0; i < COUNTER_COUNT; i++)
		stats_add(record->stats, i,
			  sum.values[i] - record->continued.values[i]);
	record->continued = sum;
	record_take_faults(record, &left);
	record_take_debts(record, fd, &left);
	return true;
}

/* Somebody who had the signal before: a sanitizer. */
static bool is_heir(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) || action->sa_handler != SIG_DFL;
}

/* The last words; the end does not wait for who does not read them. */
static void tell(const char *text, size_t length)
{
	struct pollfd log = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&log, 1, 0) > 0)
		(void)!write(STDERR_FILENO, text, length);
}

/* What the sandbox did not permit (sandbox_calls.h). */
static void tell_call(int call)
{
	static const char end[] =
		" is none that echod needs: it ends (please report this)\n";
	char text[128] = "echod: system call ";
	size_t length = strlen(text);
	int scale = 1;

	while (call / scale >= 10)
		scale *= 10;
	for (; scale > 0; scale /= 10)
		text[length++] = (char)('0' + call / scale % 10);
	memcpy(text + length, end, sizeof(end));
	tell(text, length + sizeof(end) - 1);
}

/*
 * The C library's alarms write a line and abort(3), which asks for its ids: in
 * the sandbox neither comes to that.
 */
static int fault_of(int number, const siginfo_t *info)
{
	static const char alarm[] =
		"echod: it found that something is wrong with itself: it ends "
		"(please report this)\n";

	if (number != SIGSYS || info->si_code != SYS_SECCOMP)
		return number;
	if (info->si_syscall == SYS_gettid || info->si_syscall == SYS_writev) {
		tell(alarm, sizeof(alarm) - 1);
		return SIGABRT;
	}
	tell_call(info->si_syscall);
	return SIGSYS;
}

/*
 * What a signal handler may call, and nothing else (signal-safety(7)); and in
 * the sandbox neither raise(3) nor to return.  Neither signal is masked, but by
 * a sanitizer that stands in between, and by now this one is whose it was
 * before: the process ends, or a sanitizer reports.
 * It is sent to the process: another thread may get it, which is waited for.
 *
 * A stack that overflows leaves no mark: the handler would need another one, of
 * each thread its own (sigaltstack(2)), and nothing here recurses.
 */
static void record_on_fault(int number, siginfo_t *info, void *context UNUSED)
{
	struct record_head *head = atomic_load(&caught);
	int fault = fault_of(number, info);
	sigset_t both;

	sigemptyset(&both);
	sigaddset(&both, number);
	sigaddset(&both, fault);
	if (head)
		atomic_store(&head->faulted_at, record_clock());
	for (size_t i = 0; i < ARRAY_SIZE(fault_signals); i++) {
		if (fault_signals[i] != number)
			continue;
		/* Done already, but by that; without effect in the sandbox. */
		(void)sigaction(number, &heirs[i], NULL);
		(void)pthread_sigmask(SIG_UNBLOCK, &both, NULL);
		if (is_heir(&heirs[i]))
			(void)raise(number);
	}
	for (;;) {
		if (kill(process, fault) < 0)
			_exit(128 + fault);
		/* A tracer that lets go may take the signal with it. */
		(void)poll(NULL, 0, AGAIN_MSEC);
	}
}

int record_catch_faults(struct record *record)
{
	struct sigaction action = {
		.sa_sigaction = record_on_fault,
		.sa_flags = (int)(SA_ONSTACK | SA_SIGINFO | SA_NODEFER |
				  SA_RESETHAND),
	};

	process = getpid();
	atomic_store(&caught, record->head);
	for (size_t i = 0; i < ARRAY_SIZE(fault_signals); i++) {
		if (sigaction(fault_signals[i], &action, &heirs[i]) < 0)
			return -errno;
	}
	return 0;
}

static void record_let_go(struct record *record)
{
	if (atomic_load(&caught) != record->head)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(fault_signals); i++)
		(void)sigaction(fault_signals[i], &heirs[i], NULL);
	atomic_store(&caught, NULL);
}

/*
 * The clock goes on when the process is restarted, and begins anew with the
 * machine: a mark that is to come is not believed.
 */
bool record_is_poisoned(const struct record *record)
{
	const uint64_t *faults = record->head->faults;

	for (size_t i = 1; i < RECORD_FAULTS; i++) {
		if (faults[i] == 0 || faults[i] > faults[i - 1])
			return false;
	}
	return faults[0] <= record_clock() &&
	       faults[0] - faults[RECORD_FAULTS - 1] <= FAULT_WINDOW_USEC;
}

void record_absolve(struct record *record)
{
	memset(record->head->faults, 0, sizeof(record->head->faults));
}

void record_close(struct record *record)
{
	if (!record->head)
		return;
	record_let_go(record);
	(void)munmap(record->head, record->size);
	if (record->fd >= 0)
		close(record->fd);
	*record = (struct record){ .fd = -1 };
}
