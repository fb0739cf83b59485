"""An embedded REST server for SavedModels that answers as tensorflow_model_server does.

It is a stand-in for development and tests, not TensorFlow Serving itself: one Python process with
the same routes, bodies, status codes, configuration files and metrics. `python -m serving --help`
lists its flags; `serving.running` starts it inside a test or a script. TensorFlow is imported with
the first model.
"""

from serving.server import running

__all__ = ["running"]
