"""Pool: threads that wait in machine code for a share of a job, and go to sleep when none comes.

A worker is a thread of Python's inside one call that does not hold Python's lock. It looks for a new job for a bounded
time, then waits at a semaphore of the C library, or where that has none at an event of Python's.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import time
from functools import lru_cache
from threading import Event, Lock, Thread
from typing import Any, Final

import numpy as np

from localgrad.run import native
from localgrad.run.runner import Job, pause, runner_address

SPINS: Final = 20_000
"""Pauses a worker waits for the next job before it goes to sleep; some tenths of a millisecond."""
_LINE: Final = 16
"""Numbers between things that different threads write."""
_WORK: Final = """
define i64 @kernel(ptr %box, ptr %own, i64 %part, i64 %before, ptr %runner, ptr %wait) {
entry:
  %stop.at = getelementptr i64, ptr %box, i64 1
  %job.at = getelementptr ptr, ptr %box, i64 2
  %semaphore = getelementptr i64, ptr %own, i64 8
  %can.sleep = icmp ne ptr %wait, null
  br label %top
top:
  %seen = phi i64 [ %before, %entry ], [ %number, %work ]
  br label %spin
spin:
  %pauses = phi i64 [ 0, %top ], [ %pauses.next, %relax ], [ 0, %sleep ], [ 0, %asleep ]
  %number = load atomic i64, ptr %box seq_cst, align 8
  %is.new = icmp ne i64 %number, %seen
  br i1 %is.new, label %new, label %relax
relax:
{pause}
  %pauses.next = add i64 %pauses, 1
  %is.long = icmp sgt i64 %pauses.next, {spins}
  br i1 %is.long, label %park, label %spin
park:
  br i1 %can.sleep, label %sleep, label %leave
leave:
  ret i64 %seen
sleep:
  store atomic i64 1, ptr %own seq_cst, align 8
  %now = load atomic i64, ptr %box seq_cst, align 8
  %is.same = icmp eq i64 %now, %seen
  br i1 %is.same, label %asleep, label %spin
asleep:
  %woken = call i32 %wait(ptr %semaphore)
  br label %spin
new:
  %stop = load atomic i64, ptr %stop.at seq_cst, align 8
  %is.stop = icmp ne i64 %stop, 0
  br i1 %is.stop, label %stopped, label %work
work:
  %job = load ptr, ptr %job.at
  call void %runner(ptr %job, i64 %part)
  br label %top
stopped:
  ret i64 %number
}
{declared}
"""
_START: Final = """
define i64 @kernel(ptr %box, ptr %job, i64 %workers, ptr %runner, ptr %post) {
entry:
  %busy = getelementptr i64, ptr %box, i64 3
  %taken = cmpxchg ptr %busy, i64 0, i64 1 seq_cst seq_cst
  %is.free = extractvalue { i64, i1 } %taken, 1
  br i1 %is.free, label %begin, label %refused
refused:
  ret i64 0
begin:
  %job.at = getelementptr ptr, ptr %box, i64 2
  store ptr %job, ptr %job.at
  %stop.at = getelementptr i64, ptr %box, i64 1
  %is.stop = icmp eq ptr %job, null
  %stop = zext i1 %is.stop to i64
  store atomic i64 %stop, ptr %stop.at seq_cst, align 8
  %before = atomicrmw add ptr %box, i64 1 seq_cst
  %can.post = icmp ne ptr %post, null
  br i1 %can.post, label %wake, label %run
wake:
  %i = phi i64 [ 1, %begin ], [ %next, %woken ]
  %at = mul i64 %i, {line}
  %own = getelementptr i64, ptr %box, i64 %at
  %asleep = atomicrmw xchg ptr %own, i64 0 seq_cst
  %is.asleep = icmp ne i64 %asleep, 0
  br i1 %is.asleep, label %post.one, label %woken
post.one:
  %semaphore = getelementptr i64, ptr %own, i64 8
  %posted = call i32 %post(ptr %semaphore)
  br label %woken
woken:
  %next = add i64 %i, 1
  %more = icmp sle i64 %next, %workers
  br i1 %more, label %wake, label %run
run:
  %is.job = icmp ne ptr %job, null
  br i1 %is.job, label %share, label %done
share:
  call void %runner(ptr %job, i64 0)
  store atomic i64 0, ptr %busy seq_cst, align 8
  br label %done
done:
  ret i64 1
}
"""


@lru_cache(1)
def _system() -> dict[str, int]:
    """Addresses of what is used of the C library; 0 what it has not."""
    found = dict.fromkeys(("sem_init", "sem_wait", "sem_post", "sched_yield"), 0)
    try:
        library = ctypes.CDLL(None)
        for name in found:
            found[name] = ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    except (OSError, TypeError, AttributeError):
        return dict.fromkeys(found, 0)
    return found


@lru_cache(1)
def _functions() -> tuple[int, Any, Any]:
    """The runner's address, what workers do, and what starts a job."""
    waits, declared = pause()
    text = _WORK
    for name, value in (("pause", waits), ("spins", str(SPINS)), ("declared", declared)):
        text = text.replace("{" + name + "}", value)
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    work = ctypes.CFUNCTYPE(number, pointer, pointer, number, number, pointer, pointer)
    start = ctypes.CFUNCTYPE(number, pointer, pointer, number, pointer, pointer)
    started = native.address_of(_START.replace("{line}", str(_LINE)), "kernel")
    return runner_address(), work(native.address_of(text, "kernel")), start(started)


class Pool:
    """Threads that share jobs with the one that calls; made of `threads` together."""

    def __init__(self, threads: int, semaphores: bool = True) -> None:
        self.threads = threads
        self.runner, self._work, self._start = _functions()
        self.system = _system()
        # numbers: the job's, whether to stop, the job, whether one is being done; at line 1 and on each worker's; the barrier's last
        raw = np.zeros((threads + 2) * _LINE, np.int64)
        begin = -raw.__array_interface__["data"][0] % 64 // 8
        self.box = raw[begin : begin + (threads + 1) * _LINE]
        self.address = int(self.box.__array_interface__["data"][0])
        self.counter = self.address + threads * _LINE * 8
        self.sleeps = semaphores and self._make_semaphores()
        self.event = Event()
        self.workers = [
            Thread(target=self._worker, args=(part,), name=f"localgrad-{part}", daemon=True)
            for part in range(1, threads)
        ]
        for worker in self.workers:
            worker.start()

    def _make_semaphores(self) -> bool:
        if not all(self.system.values()):
            return False
        make = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_uint)(self.system["sem_init"])
        return all(make(self._own(part) + 64, 0, 0) == 0 for part in range(1, self.threads))

    def _own(self, part: int) -> int:
        return self.address + part * _LINE * 8

    def _worker(self, part: int) -> None:
        wait = self.system["sem_wait"] if self.sleeps else None
        seen = 0
        while not self.box[1]:
            seen = self._work(self.address, self._own(part), part, seen, self.runner, wait)
            if self.sleeps or self.box[1]:
                continue
            self.event.clear()
            if self.box[0] == seen:
                # others may have cleared it after a job came, so nobody relies on it alone
                self.event.wait(0.05)

    def run(self, job: Job) -> bool:
        """Do a job, shared by all; False, and nothing done, while another thread has one done.

        Who has the workers is known to machine code alone, which no exception interrupts.
        """
        job.shared_by(self.threads, self.counter, self.system["sched_yield"])
        return self._begin(job.pointer)

    def _begin(self, job: ctypes.c_void_p | None) -> bool:
        if not self.sleeps:
            # who sleeps wakes when the lock of Python is free, which it is during the call below
            self.event.set()
        post = self.system["sem_post"] if self.sleeps else None
        return bool(self._start(self.address, job, self.threads - 1, self.runner, post))

    def stop(self) -> None:
        """Let the workers go when they are done with a job; from then on nobody gets any of them."""
        while not self._begin(None):
            time.sleep(0.0005)
        for worker in self.workers:
            worker.join(1.0)


_pool: Pool | None = None
_making = Lock()


def attempt(job: Job, threads: int) -> bool:
    """Do a job on so many threads; False, and nothing done, where another thread is using them."""
    global _pool
    found = _pool
    if found is None or found.threads != threads:
        with _making:
            if _pool is not None and _pool.threads != threads:
                _pool.stop()
                _pool = None
            if _pool is None:
                _pool = Pool(threads)
            found = _pool
    return found.run(job)


def close() -> None:
    """Stop the workers, if there are any; the next job starts them again."""
    global _pool
    with _making:
        if _pool is not None:
            _pool.stop()
            _pool = None


def _forget() -> None:
    # a forked process has none of its parent's threads
    global _pool, _making
    _pool, _making = None, Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
atexit.register(close)
