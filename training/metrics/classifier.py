"""The small Fashion-MNIST classifier whose features measure generated clothes.

A general network's features hardly tell 28x28 grey clothes apart; those of a classifier trained on
the set do. `python -m training.metrics.classifier` trains it and prints its accuracy.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import datasets
from tqdm import tqdm

from training import checkpoint
from training.checkpoint import Checkpoint, prefixed
from training.data.images import to_unit_range
from training.data.layout import DEFAULT_ROOT, DataLayout

DEFAULT_RUN = Path("runs/fashion-classifier")
FEATURES = 64
_SIDE = 28
_CLASSES = 10
_BATCH = 128


class _Features(nn.Module):
    """Grey picture [B, 1, 28 or 32, same] in [-1, 1] to features [B, 64]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, FEATURES),
            nn.ReLU(),
        )

    def forward(self, image: Tensor) -> Tensor:
        # Pictures of 32 pixels are those of 28 with a border; the border tells nothing.
        border = (image.shape[-1] - _SIDE) // 2
        image = image[:, :1, border : border + _SIDE, border : border + _SIDE]
        return self.layers(image)


class FashionClassifier(nn.Module):
    """Grey picture to ten logits; `features` is all but the last layer."""

    def __init__(self) -> None:
        """Build the layers with PyTorch's default initialisation."""
        super().__init__()
        self.features = _Features()
        self.to_logits = nn.Linear(FEATURES, _CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        """Logits [B, 10]."""
        return self.to_logits(self.features(image))


def _load(layout: DataLayout, train: bool) -> tuple[Tensor, Tensor]:
    loaded = datasets.FashionMNIST(str(layout.root), train=train, download=False)
    return to_unit_range(loaded.data[:, None]), loaded.targets


def train_classifier(pictures: Tensor, labels: Tensor, epochs: int) -> FashionClassifier:
    """Train on pictures [N, 1, 28, 28] in [-1, 1] with labels [N], Adam on a cosine."""
    torch.manual_seed(0)
    classifier = FashionClassifier()
    optimiser = torch.optim.Adam(classifier.parameters(), lr=2e-3)
    batches = len(pictures) // _BATCH
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * batches)
    for _ in range(epochs):
        order = torch.randperm(len(pictures))[: batches * _BATCH].view(batches, _BATCH)
        for chosen in tqdm(order, unit_scale=_BATCH, unit="pictures"):
            loss = F.cross_entropy(classifier(pictures[chosen]), labels[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
    return classifier.eval()


@torch.no_grad()
def accuracy(classifier: FashionClassifier, pictures: Tensor, labels: Tensor) -> float:
    """Share of pictures that get their label."""
    guesses = torch.cat([classifier(part).argmax(dim=1) for part in pictures.split(1000)])
    return float((guesses == labels).float().mean())


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--data", type=click.Path(path_type=Path), default=DEFAULT_ROOT)
@click.option("--run", "folder", type=click.Path(path_type=Path), default=DEFAULT_RUN)
@click.option("--epochs", type=click.IntRange(1), default=4)
def main(data: Path, folder: Path, epochs: int) -> None:
    """Entry point of `python -m training.metrics.classifier`."""
    layout = DataLayout(data)
    classifier = train_classifier(*_load(layout, train=True), epochs)
    reached = accuracy(classifier, *_load(layout, train=False))
    state = {"test_accuracy": reached}
    tensors = prefixed("classifier", classifier.state_dict())
    saved = checkpoint.save(folder, Checkpoint(epochs, state, tensors))
    click.echo(f"{saved}: accuracy on the 10,000 test pictures {reached:.4f}")


if __name__ == "__main__":
    main()
