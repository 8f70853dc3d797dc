"""Trainer: a model, a loss and an optimizer, fitted to data; stops cleanly, goes on bit for bit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from localgrad.graph.errors import LocalgradError
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.layers.layer import Layer
from localgrad.layers.mode import fitting
from localgrad.nodes.losses import loss_named
from localgrad.train.batches import (
    Parts,
    arrays_of,
    number_of,
    parts_of,
)
from localgrad.train.callbacks import as_callback, overriding
from localgrad.train.checkpoint import Checkpoint, write_checkpoint
from localgrad.train.data import DataLoader, as_loader
from localgrad.train.evaluation import EVALUATED_AT_ONCE, Evaluation
from localgrad.train.history import History
from localgrad.train.interruption import Interruption
from localgrad.train.metrics import Metrics
from localgrad.train.nonfinite import Watch
from localgrad.train.optimizer import Optimizer
from localgrad.train.optimizers import Adam
from localgrad.train.progress import Silent, progress_for
from localgrad.train.run_folder import RunFolder
from localgrad.train.saving import Saving, restore, snapshot
from localgrad.train.schedules import Schedule, as_schedule
from localgrad.train.targets import Named, named_leaves

if TYPE_CHECKING:
    from localgrad.run.plan import Plan
    from localgrad.train.compiled_steps import CompiledSteps

__all__ = ["Trainer"]


class Trainer(Evaluation):
    """Fits a model to data: batches, loss, backward, optimizer; validation, callbacks, checkpoints, run folder.

    `loss` is a name ("softmax_cross_entropy", "mse", ...), a function of (prediction, target) on tensors, or None where
    the model itself gives the loss of a batch. `optimizer` is Adam unless given; `metrics` are names or functions of
    (prediction, target) on arrays, by default the accuracy where the loss is one of classification. `schedule` changes
    the learning rate (`CosineDecay()`, a function of the epoch, ...), `clip_norm` limits the norm of all gradients, `seed`
    shuffles the data, `run` names a folder to leave everything in (see `RunFolder`).

    What happens at a loss or gradient that is not finite: "stop" raises NonFiniteError, which names the node that made
    it; "skip" leaves the batch out, "warn" goes on. The model is then as before that batch, except for "warn".

    A step is compiled as a whole (see `lg.compile`) when the first batch comes, and again for batches of other shapes;
    `compile=False` computes node by node. What cannot be compiled runs so as well: a model that decides on values, changes
    its own attributes or draws from NumPy's generators while it computes, a trainer or optimizer that replaces the step,
    shapes beyond the first eight, a training of fewer than 150 steps. `execution` says which it was.

    >>> import numpy as np, localgrad as lg
    >>> from localgrad.layers import Affine
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    >>> trainer = lg.Trainer(lg.Sequential(Affine.create(1, 1, seed=0)), loss="mse", optimizer=lg.Adam(0.1))
    >>> history = trainer.fit((x, 3 * x + 1), epochs=30, batch_size=16)
    >>> trainer.predict(np.float32([[2.0]])).round(1)
    array([[7.]], dtype=float32)
    """

    def __init__(
        self,
        model: Layer,
        loss: str | Callable[..., Tensor] | None = "softmax_cross_entropy",
        optimizer: Optimizer | None = None,
        metrics: Any = None,
        schedule: Schedule | Callable[[float], float] | None = None,
        clip_norm: float | None = None,
        callbacks: Sequence[Any] = (),
        seed: int = 0,
        run: str | os.PathLike[str] | None = None,
        nonfinite: Literal["stop", "skip", "warn"] = "stop",
        compile: bool = True,
    ) -> None:
        if not isinstance(model, Layer):
            raise LocalgradError(
                f"a Trainer was to be made\nfound: a {type(model).__name__} as the model\n"
                "do: give a layer or a model, such as lg.Sequential(...)"
            )
        if optimizer is not None and not isinstance(optimizer, Optimizer):
            raise LocalgradError(
                f"a Trainer was to be made\nfound: a {type(optimizer).__name__} as the optimizer\n"
                "do: give one such as optimizer=lg.Adam(1e-3)"
            )
        if nonfinite not in ("stop", "skip", "warn"):
            raise LocalgradError(f'nonfinite is "stop", "skip" or "warn"; found {nonfinite!r}')
        self.model = model
        self.loss: Callable[..., Tensor] | None = loss_named(loss) if isinstance(loss, str) else loss
        self.optimizer = Adam() if optimizer is None else optimizer
        self.metrics = Metrics(metrics, loss)
        self.schedule = as_schedule(schedule)
        self.clip_norm = clip_norm
        self.callbacks = [as_callback(each) for each in callbacks]
        self.seed = seed
        self.run = run
        self.nonfinite: Literal["stop", "skip", "warn"] = nonfinite
        self.compile = compile
        self.execution = "not started"
        """How steps are made: "compiled", or "eager" and the reason."""
        self.plan: Plan | None = None
        """The plan of the last compiled step, to print and to profile."""
        self.shapes: list[str] = []
        """The shapes of batches that have plans, so that a resumed training compiles the same."""
        self.history = History()
        """The rows of all epochs so far."""
        self.epoch = 0
        """The number of the epoch that is running, from 1."""
        self.completed = 0
        """How many epochs have been completed."""
        self.step = 0
        """How many steps have been made."""
        self.stopped: str | None = None
        """Why the last `fit` ended early."""
        self.folder: RunFolder | None = None
        self._base: float | None = None  # the learning rate the schedule's factor multiplies
        self._scheduled: float | None = None
        self._sums: dict[str, float] = {}  # of the epoch that is running: loss and metrics times samples
        self._count = 0
        self._seconds = 0.0
        self._epochs = 0
        self._compiled: CompiledSteps | None = None

    # fitting ----------------------------------------------------------------------------------------------------
    def fit(
        self,
        train_data: Any,
        epochs: int = 1,
        validation: Any = None,
        batch_size: int = 32,
        checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
        callbacks: Sequence[Any] = (),
        resume: bool = False,
        progress: bool | Silent | None = None,
    ) -> History:
        """Train for so many epochs (with `resume`: until so many are done) and give the history of all of them.

        `train_data` and `validation` are (x, y), more inputs before the target, a Dataset or DataLoader. `checkpoint` is
        a path or a `Checkpoint`; with `resume` a training that was interrupted goes on from it, bit for bit as if it had
        not been, given the same data and settings; where there is none yet, it begins. `progress` shows a bar (by default on
        a terminal). Ctrl-C finishes the step, writes the checkpoint and returns; a second one stops at once.

        Raises DataError for data that cannot be used, CheckpointError for a checkpoint of another model, FileWriteError
        where nothing can be written, all of them before the first step; NonFiniteError as `nonfinite` says.
        """
        if not isinstance(epochs, (int, np.integer)) or epochs < 0:
            raise LocalgradError(f"epochs is a whole number from 0 on; found {epochs!r}")
        loader = as_loader(train_data, batch_size, seed=self.seed)
        judged = (
            None if validation is None else as_loader(validation, max(batch_size, EVALUATED_AT_ONCE), shuffle=False)
        )
        hooks = [*self.callbacks, *(as_callback(each) for each in callbacks)]
        place = self._prepare(Checkpoint.of(checkpoint), resume)
        resumed = resume and place is not None and place.path.exists()
        position = 0
        self.stopped = None
        if resumed:
            assert place is not None
            restore(self, place.path, loader, hooks)
            last = int(epochs)
            if self.stopped is not None and last <= self._epochs:
                return self.history
            self.stopped = None
            position = loader.state()["position"]
        else:
            last = self.completed + int(epochs)
            self._start_epoch()
            if loader is not train_data:  # a loader made here goes on where the last fit ended
                loader.load_state({**loader.state(), "epoch": self.completed, "position": 0})
        self._epochs = last
        saving = Saving(self, place, self.folder, loader, hooks)
        bar = progress_for(progress)
        with fitting(self.model), Interruption() as interruption:
            try:
                self._run(loader, position, judged, last, saving, bar, interruption)
            finally:
                bar.close()
                if self.folder is not None and len(self.history):
                    self.folder.write_history(self.history)
        if interruption.asked and self.stopped is None:
            self.stopped = "interrupted"
        saving.finish()
        for callback in hooks:
            callback.on_fit_end(self, self.history)
        if self.folder is not None:
            self._write_graph(self.folder, bar)
        if interruption.asked:
            kept = f"; {place.path} holds everything, go on with fit(..., resume=True)" if place is not None else ""
            bar.say(f"training was interrupted after step {self.step} in epoch {self.epoch}{kept}")
        return self.history

    def stop(self, reason: str = "stopped") -> None:
        """End the running `fit` after this step (called by callbacks)."""
        self.stopped = reason

    def _prepare(self, checkpoint: Checkpoint | None, resume: bool) -> Checkpoint | None:
        if self.run is not None and self.folder is None:
            self.folder = RunFolder(self.run, resume)
        if checkpoint is None and self.folder is not None:
            checkpoint = Checkpoint(self.folder.checkpoint)
        if checkpoint is None and resume:
            raise LocalgradError(
                "a training was to go on (resume=True)\nfound: neither a checkpoint nor a run folder is named\n"
                "do: give fit(checkpoint=path, resume=True), or Trainer(run=name)"
            )
        if checkpoint is not None:
            checkpoint.prepare()
        return checkpoint

    def _run(
        self,
        loader: DataLoader,
        position: int,
        judged: DataLoader | None,
        last: int,
        saving: Saving,
        bar: Silent,
        interruption: Interruption,
    ) -> None:
        try:
            each: int | None = len(loader)
        except TypeError:
            each = None
        if self.schedule is not None:
            rate = self.optimizer.learning_rate
            if self._base is None or rate != self._scheduled:
                self._base = rate
            self.schedule.start(None if each is None else last * each, last)
        named = named_leaves(self.model)
        hooks = saving.callbacks
        watch = Watch(self, saving.checkpoint.path if saving.checkpoint is not None else None)
        after_step = overriding(hooks, "on_step_end")
        from localgrad.train.compiled_steps import CompiledSteps

        if self._compiled is None or not self._compiled.serves(named, bool(after_step)):
            # the steps of all epochs, also those made before, so that a resumed training computes as an uninterrupted one
            self._compiled = CompiledSteps(self, named, bool(after_step), None if each is None else last * each)
        for callback in hooks:
            callback.on_fit_start(self)
        bar.start(last, each, self.completed * each + position if each is not None else 0)
        while self.completed < last and self.stopped is None and not interruption.asked:
            started = time.perf_counter() - self._seconds
            self.epoch = self.completed + 1
            self._train_mode(True)
            for callback in hooks:
                callback.on_epoch_start(self)
            self._compiled.look()
            for batch in loader:
                if self.schedule is not None:
                    self._set_rate(self.completed + (position / each if each else 0.0))
                parts = parts_of(batch, self.loss is not None)
                loss = self._step(parts, named, watch)
                position += 1
                for hook in after_step:
                    hook(self, loss)
                bar.step(self.epoch, self.completed * (each or 0) + position, parts.count, loss)
                if saving.every:
                    self._seconds = time.perf_counter() - started
                    saving.step()
                if interruption.asked or self.stopped is not None:
                    self._seconds = time.perf_counter() - started
                    break
            else:
                self._seconds = time.perf_counter() - started
                position = 0
                self._end_epoch(judged, bar, saving)

    def _end_epoch(self, judged: DataLoader | None, bar: Silent, saving: Saving) -> None:
        begun = time.perf_counter()
        row: dict[str, float] = {"epoch": self.epoch, "step": self.step, **self.metrics.means(self._sums, self._count)}
        if judged is not None:
            row |= self._measure(judged, "validation_")
        row["learning_rate"] = self.optimizer.learning_rate
        row["seconds"] = self._seconds + time.perf_counter() - begun
        if self.schedule is not None:
            self.schedule.epoch_ended(row)
        for callback in saving.callbacks:
            callback.on_epoch_end(self, row)
        self.history.append(**row)
        self.completed = self.epoch
        self._start_epoch()
        bar.epoch(row)
        saving.epoch(row)

    def _start_epoch(self) -> None:
        self._sums, self._count, self._seconds = {}, 0, 0.0

    def _set_rate(self, epoch: float) -> None:
        assert self.schedule is not None
        assert self._base is not None
        self._scheduled = self._base * self.schedule.factor(self.step, epoch)
        self.optimizer.learning_rate = self._scheduled

    # one step ---------------------------------------------------------------------------------------------------
    def _step(self, parts: Parts, named: Named, watch: Watch) -> float:
        token = WARNINGS.set(QUIET)
        try:
            self.look_at(parts)
            outcome = None if self._compiled is None else self._compiled.step(parts)
            if outcome is not None:
                value = outcome.loss
                if watch.accepts(outcome, named, parts):
                    self._add(value, outcome.prediction, parts)
                self.step += 1
                return value
            watch.remember()
            loss, prediction = self.compute_loss(parts)
            value = number_of(loss)
            if watch.finite(value, parts):
                loss.backward(keep="leaves")
                if watch.take_step(named, parts):
                    self._add(value, arrays_of(prediction) if self.metrics.measures else None, parts)
        finally:
            WARNINGS.reset(token)
        self.step += 1
        return value

    def _add(self, loss: float, prediction: Any, parts: Parts) -> None:
        sums, count = self._sums, parts.count
        sums["loss"] = sums.get("loss", 0.0) + loss * count
        self._count += count
        if self.metrics.measures and parts.target is not None:
            self.metrics.add(sums, prediction, parts.target, count)

    # saving -----------------------------------------------------------------------------------------------------
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint of this moment: model, optimizer, history, random state; raises FileWriteError."""
        checkpoint = Checkpoint(path)
        checkpoint.prepare()
        write_checkpoint(checkpoint.path, snapshot(self, None, self.callbacks))

    def load(self, path: str | os.PathLike[str]) -> None:
        """Become what was saved; raises CheckpointError, with nothing changed, for another model or a damaged file."""
        restore(self, Checkpoint(path).path, None, self.callbacks)

    def leaves(self) -> dict[str, Leaf]:
        """The parameters and states of the model by name."""
        found = {**self.model.parameters(), **self.model.state()}
        return {name: leaf for name, leaf in found.items() if isinstance(leaf, Leaf)}

    def place(self) -> dict[str, Any]:
        """Where the training stands, for a checkpoint."""
        return {
            "completed": self.completed,
            "step": self.step,
            "sums": self._sums,
            "count": self._count,
            "seconds": self._seconds,
            "base": self._base,
            "scheduled": self._scheduled,
            "stopped": self.stopped if self.stopped != "interrupted" else None,
            "epochs": self._epochs,
            "shapes": self.shapes,
        }

    def read_place(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """What `place` gave, checked; raises KeyError, TypeError or ValueError."""
        optional = {name: None if found[name] is None else float(found[name]) for name in ("base", "scheduled")}
        stopped = None if found["stopped"] is None else str(found["stopped"])
        sums = {str(name): float(value) for name, value in found["sums"].items()}
        counts = {name: int(found[name]) for name in ("completed", "step", "count", "epochs")}
        shapes = [str(each) for each in found.get("shapes", [])]
        return {
            **optional,
            **counts,
            "shapes": shapes,
            "stopped": stopped,
            "sums": sums,
            "seconds": float(found["seconds"]),
        }

    def take_place(self, place: Mapping[str, Any]) -> None:
        """Stand where `read_place` says."""
        self.completed, self.step, self.stopped = place["completed"], place["step"], place["stopped"]
        self._sums, self._count, self._seconds = dict(place["sums"]), place["count"], place["seconds"]
        self._base, self._scheduled, self._epochs = place["base"], place["scheduled"], place["epochs"]
        self.epoch, self.shapes = self.completed, list(place["shapes"])

    def _write_graph(self, folder: RunFolder, bar: Silent) -> None:
        if self._specs is None:
            return
        try:
            with self.evaluating():
                graph = self.model.graph(*self._specs)
            folder.write_graph(graph)
        except LocalgradError as error:
            folder.write_weights(self.leaves())
            bar.say(f"{folder.path} holds the weights alone, since the model's graph cannot be written: {error}")
