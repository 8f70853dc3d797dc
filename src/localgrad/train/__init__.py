"""Optimizers, schedules, data, trainer, checkpoints, run folders, data-parallel."""
