/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model [SEED [COUNT]]: COUNT random steps against the model, everything that changed compared after each, all of it now and then.
 * After a disagreement the same steps are run again with everything compared each time, and made fewer as long as they still disagree.
 * model --fault, model --parallel [SEED [COUNT]], model --threads [SEED [COUNT]]: the other tests.
 */
#include "model.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVERYTHING_EVERY = 256, REDUCE_MAX = 60000, REDUCE_ATTEMPTS = 600 };

static unsigned long long seed = 1;
static unsigned long wanted = 100000, done;
static bool quiet, thorough;
static const struct operation *current;

_Noreturn void disagree(const char *format, ...)
{
    va_list list;
    if (quiet)
        _exit(3);
    fflush(stdout);
    printf("# step %lu of seed %llu:\n", done, seed);
    if (current)
        operation_print(current);
    printf("# ");
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    const char *log = machine_log();
    size_t length = strlen(log);
    printf("\n# end of the kernel log:\n%s\n", length > 1000 ? log + length - 1000 : log);
    fflush(stdout);
    _exit(3);
}

static void stopped(void) { disagree("the machine stopped"); }

static void step(const struct operation *operation)
{
    current = operation;
    operation_do(operation);
    done++;
    if (thorough || done % EVERYTHING_EVERY == 0) {
        compare(true);
        if (tlb_stale())
            disagree("a CPU holds stale translations");
    }
    if (machine_log_length() > 100000)
        machine_log_clear();
}

/* In a process of its own: one machine per process. Returns its exit status, -1 = killed. */
static int child_status(void (*function)(void *), void *argument, bool silent)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        quiet = silent;
        if (silent && (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)))
            _exit(4);
        function(argument);
        fflush(stdout);
        _exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork");
        exit(1);
    }
    if (WIFSIGNALED(status) && !silent)
        printf("# killed by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool in_child(void (*function)(void *), void *argument, bool silent)
{
    return child_status(function, argument, silent) == 0;
}

static void report(void)
{
    static const char *const name[] = {"call",
                                       "reply",
                                       "create_pd",
                                       "create_ec",
                                       "create_sc",
                                       "create_pt",
                                       "create_sm",
                                       "revoke",
                                       "misc",
                                       [NOVA_PT_CTRL] = "pt_ctrl",
                                       [NOVA_PD_CTRL] = "pd_ctrl"};
    for (unsigned i = 0; i < NOVA_HYPERCALLS; i++)
        if (i < sizeof name / sizeof *name && name[i]) {
            printf("# %s:", name[i]);
            for (unsigned status = 0; status <= NOVA_QUO_OOM; status++)
                printf(" %lu", counts[i][status]);
            printf("\n");
        }
    printf("# %lu translations, %lu delegations, %lu messages without a trace, workers made anew %lu times\n", translations,
           delegations, messages_failed, respawns);
}

/* Random steps; recorded (shared with the parent) if there is a place for them. */
struct recording {
    unsigned long count;
    struct operation step[];
};

static void run(void *argument)
{
    struct recording *recording = argument;
    struct random_source random = {seed};
    struct operation operation;
    operation_boot(WORKERS);
    while (done < wanted) {
        operation_make(&random, &operation);
        if (recording)
            recording->step[recording->count++] = operation;
        step(&operation);
    }
    operation_do(&(struct operation){.action = CLEAR});
    report();
}

struct attempt {
    const struct recording *recording;
    const bool *left_out;
};

static void repeat(void *argument)
{
    const struct attempt *attempt = argument;
    operation_boot(WORKERS);
    for (unsigned long i = 0; i < attempt->recording->count; i++) {
        if (attempt->left_out[i])
            continue;
        if (!quiet)
            operation_print(&attempt->recording->step[i]);
        step(&attempt->recording->step[i]);
    }
}

/* Leaves out ever smaller parts of the steps as long as what remains still disagrees. */
static void reduce(struct recording *recording)
{
    bool *left_out = calloc(recording->count, sizeof *left_out);
    struct attempt attempt = {recording, left_out};
    unsigned attempts = 0;
    for (unsigned long part = recording->count / 2; part && attempts < REDUCE_ATTEMPTS; part /= 2)
        for (unsigned long begin = 0; begin + part < recording->count && attempts < REDUCE_ATTEMPTS; begin += part) {
            bool any = false;
            bool *saved = malloc(part);
            memcpy(saved, left_out + begin, part);
            for (unsigned long i = begin; i < begin + part; i++)
                any |= !left_out[i];
            memset(left_out + begin, true, part);
            if (any && attempts++ < REDUCE_ATTEMPTS && in_child(repeat, &attempt, true))
                memcpy(left_out + begin, saved, part);
            free(saved);
        }
    unsigned long count = 0;
    for (unsigned long i = 0; i < recording->count; i++)
        count += !left_out[i];
    printf("# %lu steps are enough:\n", count);
    in_child(repeat, &attempt, false);
    free(left_out);
}

static void explain(void)
{
    if (wanted > REDUCE_MAX)
        wanted = REDUCE_MAX;
    size_t size = sizeof(struct recording) + wanted * sizeof(struct operation);
    struct recording *recording = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    thorough = true;
    if (recording == MAP_FAILED || in_child(run, recording, true)) {
        printf("# not within the first %lu steps, or not with a comparison of everything after each: not reduced\n", wanted);
        return;
    }
    reduce(recording);
}

/* ---- allocations that fail ---- */

struct fault {
    unsigned number, k;
    bool pool;
};

/* The result is the exit status of the process: 10 + enum fault_result. What it says matters only if it is none of these. */
static void fault_child(void *argument)
{
    const struct fault *fault = argument;
    enum fault_result result = fault_run(fault->number, fault->k, fault->pool);
    fflush(stdout);
    _exit(10 + (int)result);
}

static int fault_status(struct fault *fault)
{
    fflush(stdout);
    int saved = dup(2), nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, 2);
    int status = child_status(fault_child, fault, false) - 10;
    dup2(saved, 2);
    close(saved);
    close(nowhere);
    return status;
}

static int faults(void)
{
    enum { K_MAX = 200 };
    unsigned bad = 0, seen = 0;
    for (unsigned number = 0, more = 1; more; number++) {
        unsigned of_step = 0;
        for (unsigned pool = 0; pool < 2 && more; pool++)
            for (unsigned k = 0; k < K_MAX; k++) {
                struct fault fault = {number, k, pool};
                int status = fault_status(&fault);
                if (status == FAULT_SEEN) {
                    of_step++;
                    continue;
                }
                more = status != FAULT_NO_STEP;
                if (status != FAULT_UNHARMED && more) {
                    printf("#   again: model --fault %u %u %u\n", number, k, pool);
                    bad++;
                }
                break;
            }
        if (more)
            printf("# %s: failed at each of its %u allocations\n", fault_name(number), of_step);
        seen += of_step;
    }
    printf("%sok model: every allocation fails once (%u of them)\n", bad || !seen ? "not " : "", seen);
    return bad || !seen;
}

/* ---- several CPUs ---- */

static bool use_threads;

static void parallel_child(void *argument)
{
    (void)argument;
    parallel_run(seed, wanted, use_threads);
}

static int parallel(const char *mode)
{
    use_threads = strcmp(mode, "--threads") == 0;
    bool good = in_child(parallel_child, 0, false);
    printf("%sok model several CPUs%s, seed %llu: %lu times at once\n", good ? "" : "not ", use_threads ? " as threads" : "", seed,
           wanted);
    if (!good)
        printf("#   again: model %s %llu %lu\n", mode, seed, wanted);
    return !good;
}

int main(int count, char **arguments)
{
    const char *mode = count > 1 && arguments[1][0] == '-' ? arguments[1] : "";
    int next = *mode ? 2 : 1;
    machine_stop_hook = stopped;
    if (strcmp(mode, "--fault") == 0 && count == 5) {
        struct fault one = {(unsigned)atoi(arguments[2]), (unsigned)atoi(arguments[3]), atoi(arguments[4])};
        fault_child(&one);
    }
    if (strcmp(mode, "--fault") == 0)
        return faults();
    if (count > next)
        seed = strtoull(arguments[next], 0, 0);
    if (count > next + 1)
        wanted = strtoul(arguments[next + 1], 0, 0);
    if (strcmp(mode, "--parallel") == 0 || strcmp(mode, "--threads") == 0)
        return parallel(mode);
    unsigned long asked = wanted;
    if (in_child(run, 0, false)) {
        printf("ok model seed %llu: %lu steps, kernel and model agree\n", seed, asked);
        return 0;
    }
    explain();
    printf("not ok model seed %llu: kernel and model disagree\n#   again: model %llu %lu\n", seed, seed, asked);
    return 1;
}
