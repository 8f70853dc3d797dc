"""Objects with parameters and state; the books' forward/backward protocol, written once in Layer."""

from localgrad.layers.activations import Elu, Gelu, LeakyRelu, Relu, Sigmoid, Silu, Softmax, Softplus, Tanh
from localgrad.layers.attention import MultiHeadAttention
from localgrad.layers.attention_book import Attention, AttentionWeight, TimeAttention, WeightSum
from localgrad.layers.convolution import (
    AdaptiveAveragePooling,
    AdaptiveMaxPooling,
    AveragePooling,
    Convolution,
    ConvolutionTranspose,
    GlobalAveragePooling,
    GlobalMaxPooling,
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
from localgrad.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    InstanceNormalization,
    LayerNormalization,
    RMSNormalization,
)
from localgrad.layers.positions import LearnedPositions, RotaryPositions, SinusoidalPositions
from localgrad.layers.recurrent import GRU, LSTM, RNN
from localgrad.layers.sequences import TimeBiLSTM, TimeGRU, TimeLSTM, TimeRNN
from localgrad.layers.stacking import TimeBidirectional, TimeStack
from localgrad.layers.structure import Add, Branch, Flatten, Identity, Mul, Repeat, Sum
from localgrad.layers.time import TimeAffine, TimeDropout, TimeEmbedding, TimeSigmoidWithLoss, TimeSoftmaxWithLoss
from localgrad.layers.transformer import FeedForward, TransformerDecoderBlock, TransformerEncoderBlock
from localgrad.layers.word2vec import EmbeddingDot, NegativeSamplingLoss, UnigramSampler

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AdaptiveAveragePooling",
    "AdaptiveMaxPooling",
    "Add",
    "Affine",
    "Attention",
    "AttentionWeight",
    "AveragePooling",
    "BatchNormalization",
    "Branch",
    "Convolution",
    "ConvolutionTranspose",
    "Dropout",
    "Elu",
    "Embedding",
    "EmbeddingDot",
    "FeedForward",
    "Flatten",
    "Function",
    "Gelu",
    "GlobalAveragePooling",
    "GlobalMaxPooling",
    "GroupNormalization",
    "Identity",
    "InstanceNormalization",
    "Layer",
    "LayerNormalization",
    "LeakyRelu",
    "LearnedPositions",
    "MatMul",
    "MaxPooling",
    "Model",
    "Mul",
    "MultiHeadAttention",
    "NegativeSamplingLoss",
    "PixelShuffle",
    "Pooling",
    "RMSNormalization",
    "Relu",
    "Repeat",
    "RotaryPositions",
    "Sequential",
    "Sigmoid",
    "SigmoidWithLoss",
    "Silu",
    "SinusoidalPositions",
    "Softmax",
    "SoftmaxWithLoss",
    "Softplus",
    "Sum",
    "Tanh",
    "TimeAffine",
    "TimeAttention",
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
    "TransformerDecoderBlock",
    "TransformerEncoderBlock",
    "UnigramSampler",
    "Upsample",
    "WeightSum",
]
