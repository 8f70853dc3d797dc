"""Whole networks as a few lines of layers."""

from localgrad.models.convolutional import ConvNet, DeepConvNet, SimpleConvNet
from localgrad.models.gpt import GPT
from localgrad.models.language import LSTMLanguageModel
from localgrad.models.perceptron import MLP
from localgrad.models.residual import BottleneckBlock, ResidualBlock, ResNet, resnet18, resnet34, resnet50
from localgrad.models.seq2seq import Seq2seq
from localgrad.models.variational import VAE
from localgrad.models.word2vec import CBOW, SkipGram

__all__ = [
    "CBOW",
    "GPT",
    "MLP",
    "VAE",
    "BottleneckBlock",
    "ConvNet",
    "DeepConvNet",
    "LSTMLanguageModel",
    "ResNet",
    "ResidualBlock",
    "Seq2seq",
    "SimpleConvNet",
    "SkipGram",
    "resnet18",
    "resnet34",
    "resnet50",
]
