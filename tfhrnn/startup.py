"""Starts TensorFlow for the command line without its start-up chatter.

TensorFlow writes some lines about CUDA and oneDNN to standard error before its log level counts.
They are held back here, and shown after all where the start fails. TF_CPP_MIN_LOG_LEVEL=0 or 1 lets
them through.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

from tfhrnn.errors import TfhrnnError


def start_worker(threads: int | None = 1) -> None:
    """As `start_tensorflow`, for a process that works for another one.

    It ends when its parent does, however that ends: nobody would read its result.

    Args:
      threads: that it takes, one where several share the cores; None leaves it to TensorFlow.
    """
    end_with(multiprocessing.parent_process())
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if threads is not None:
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ[name] = str(threads)
    start_tensorflow()


def end_with(parent: Any) -> None:
    """Ends this process at once when `multiprocessing.parent_process()` is gone; None is no one."""
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent watch").start()


def start_tensorflow(first: Callable[[], Any] | None = None) -> Any:
    """Imports TensorFlow and finds its devices.

    Args:
      first: what is done before any operation runs, such as joining a cluster.

    Returns:
      What `first` returns.

    Raises:
      ImportError: it is not installed, or Keras 3 is bound already.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2") in ("0", "1"):
        return None if first is None else first()
    sys.stderr.flush()
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            import tensorflow as tf

            found = None if first is None else first()
            tf.zeros([])  # the first operation looks for devices
            return found
        except TfhrnnError:  # says all in one line
            raise
        except BaseException:
            held.seek(0)
            os.write(standard_error, held.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
