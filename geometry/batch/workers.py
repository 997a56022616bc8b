"""Where parts are done: here, in threads, in processes, or on a Dask cluster."""

import logging
import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import wait
from threading import Thread
from typing import Any

from geometry.errors import OptionError, WorkerError, what_to_type
from geometry.progress import tell

MOST_WORKERS = 1024


class Serial(Executor):
    """Does what is submitted at once, in the thread that submits it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it, and return what is done already."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


@dataclass(frozen=True)
class Crew:
    """An executor, and how many parts it can do at a time."""

    executor: Executor
    size: int


def losses() -> tuple[type[BaseException], ...]:
    """Return what says that a worker is gone, in every library of executors that is in use."""
    distributed: Any = sys.modules.get("distributed")
    of_dask = () if distributed is None else (distributed.scheduler.KilledWorker, distributed.comm.CommClosedError)
    return (BrokenExecutor, CancelledError, *of_dask)


def lost(error: BaseException, what: str, others: int = 0) -> WorkerError:
    """Return the line that says what was worked on when a worker went away, and how to go on."""
    kept = "what was done before is kept: run the same command again"
    if isinstance(error, BrokenExecutor):
        which = f"{what} or one of {others} other parts was" if others else f"{what} was"
        return WorkerError(
            f"a worker process was ended from outside while {which} worked on, most often for want of memory; "
            f"{kept}, with fewer --workers if memory ran out"
        )
    if type(error).__name__ == "KilledWorker":
        return WorkerError(
            f"every worker of the cluster that took up {what} ended, most often for want of memory; "
            f"{kept}, with more memory a worker"
        )
    return WorkerError(
        f"the cluster gave up {what}: its scheduler went away or was told to stop; {kept} once a scheduler is there"
    )


@contextmanager
def crew(workers: int = 1, *, threads: bool = False, cluster: str | None = None) -> Iterator[Crew]:
    """Yield workers; on the way out by an error or an interrupt, parts not begun are dropped and processes ended.

    Args:
        workers: How many at a time; 1 works in this thread.
        threads: Use threads instead of processes.
        cluster: The address of a Dask scheduler, such as ``tcp://host:8786``, instead of either.

    Raises:
        OptionError: No such number, or a cluster that cannot be reached.
    """
    if not 1 <= workers <= MOST_WORKERS:
        raise OptionError(f"--workers {workers} arrived; expected 1 to {MOST_WORKERS:,}")
    if cluster is not None:
        with _dask(cluster) as found:
            yield found
        return
    if workers == 1:
        yield Crew(Serial(), 1)
        return
    before = set(multiprocessing.active_children())
    executor: Executor = ThreadPoolExecutor(workers) if threads else _processes(workers)
    try:
        yield Crew(executor, workers)
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    executor.shutdown()


def _processes(workers: int) -> Executor:
    # a fork would copy the threads of BLAS and FAISS in whatever state they are
    context = multiprocessing.get_context("spawn")
    share = max(1, (os.cpu_count() or 1) // workers)
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_settle_in, initargs=(share,))


def _settle_in(threads: int) -> None:
    """Begin a worker process: Ctrl-C is for the main one, which it does not outlive; its share of cores is fixed."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    import faiss
    import numpy  # noqa: F401

    faiss.omp_set_num_threads(threads)
    threadpool_limits(threads)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _dask(address: str) -> Iterator[Crew]:
    if not re.fullmatch(r"[a-z]+://.+:\d+", address):
        raise OptionError(f"--cluster {address!r} arrived; expected a Dask scheduler's address, tcp://host:port")
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise OptionError(f"--cluster needs the package distributed: {what_to_type('cluster')}") from error
    try:
        client = distributed.Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise OptionError(
            f"--cluster {address!r} arrived, and no scheduler answers there ({error}); expected tcp://host:port"
        ) from error
    with _quiet("distributed", "tornado", "asyncio"), client:
        size = sum(client.ncores().values())
        if not size:
            tell(f"the scheduler at {address} has no workers; this waits until some are there")
        # results are bytes, not pure values worth keeping; equal parts of two runs must not share one
        yield Crew(client.get_executor(pure=False), max(1, size))


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Keep loggers from writing tracebacks of lost connections beside the one line that says what happened."""
    loggers = [logging.getLogger(one) for one in logging.root.manager.loggerDict if one.split(".")[0] in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
