"""Objects with parameters and state; the books' forward/backward protocol, written once in Layer."""

from localgrad.layers.activations import Elu, Gelu, LeakyRelu, Relu, Sigmoid, Silu, Softmax, Softplus, Tanh
from localgrad.layers.convolution import (
    AveragePooling,
    Convolution,
    ConvolutionTranspose,
    GlobalAveragePooling,
    MaxPooling,
    PixelShuffle,
    Pooling,
    Upsample,
)
from localgrad.layers.dropout import Dropout
from localgrad.layers.embedding import Embedding
from localgrad.layers.layer import Layer
from localgrad.layers.linear import Affine, MatMul
from localgrad.layers.losses import SigmoidWithLoss, SoftmaxWithLoss
from localgrad.layers.model import Function, Model, Sequential
from localgrad.layers.normalization import BatchNormalization, LayerNormalization
from localgrad.layers.recurrent import GRU, LSTM, RNN
from localgrad.layers.sequences import TimeBiLSTM, TimeGRU, TimeLSTM, TimeRNN
from localgrad.layers.stacking import TimeBidirectional, TimeStack
from localgrad.layers.structure import Add, Branch, Flatten, Identity, Mul, Repeat, Sum
from localgrad.layers.time import TimeAffine, TimeDropout, TimeEmbedding, TimeSigmoidWithLoss, TimeSoftmaxWithLoss

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Add",
    "Affine",
    "AveragePooling",
    "BatchNormalization",
    "Branch",
    "Convolution",
    "ConvolutionTranspose",
    "Dropout",
    "Elu",
    "Embedding",
    "Flatten",
    "Function",
    "Gelu",
    "GlobalAveragePooling",
    "Identity",
    "Layer",
    "LayerNormalization",
    "LeakyRelu",
    "MatMul",
    "MaxPooling",
    "Model",
    "Mul",
    "PixelShuffle",
    "Pooling",
    "Relu",
    "Repeat",
    "Sequential",
    "Sigmoid",
    "SigmoidWithLoss",
    "Silu",
    "Softmax",
    "SoftmaxWithLoss",
    "Softplus",
    "Sum",
    "Tanh",
    "TimeAffine",
    "TimeBiLSTM",
    "TimeBidirectional",
    "TimeDropout",
    "TimeEmbedding",
    "TimeGRU",
    "TimeLSTM",
    "TimeRNN",
    "TimeSigmoidWithLoss",
    "TimeSoftmaxWithLoss",
    "TimeStack",
    "Upsample",
]
