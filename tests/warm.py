"""Loads all that a training loads sooner or later: what `tests.forked` forks from. It must start no thread."""

import io

import accelerate
import matplotlib.backends.backend_agg
import matplotlib.figure
import pyarrow as pa
import torch._dynamo
import transformers.models.llama.modeling_llama

import pipeline.notation
import train.run
import train.session

LOADED = (accelerate, pipeline.notation, torch._dynamo, transformers, train.run, train.session)

pa.array([0]).to_numpy()  # takes pandas along, where that is installed
_figure = matplotlib.figure.Figure()
matplotlib.backends.backend_agg.FigureCanvasAgg(_figure)
_figure.subplots().set_title("a font is found")
_figure.savefig(io.BytesIO())
