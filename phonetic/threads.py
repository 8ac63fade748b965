"""Products of small matrices in one thread: several mostly wait for each other, and keep their cores busy meanwhile."""

import functools
from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController


@functools.cache
def _pools() -> ThreadpoolController:
    """The thread pools of the libraries that are loaded; numpy has to be one of them already."""
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """While it lasts, numpy multiplies in one thread; afterwards in as many as before."""
    limited: AbstractContextManager[object] = _pools().limit(limits=1, user_api="blas")
    return limited
