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


def start_worker() -> None:
    """As `start_tensorflow`, for one of several processes that share the cores.

    It takes one thread, and ends when its parent does, however that ends: nobody would read its
    result.
    """
    end_with(multiprocessing.parent_process())
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
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
