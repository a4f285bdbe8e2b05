"""A model from elsewhere: the state dict of a published module, explained.

The module below is that of the articles *Eigenvalues as models*: two linear layers make a tridiagonal
matrix, and the prediction is one of its eigenvalues. ``from_state_dict`` reads its weights. The picture shows
all eigenvalues along the input: the predicted one bends where it comes close to another.
Dots are the training rows.
"""

import numpy as np
import torch
from _gallery import arguments, save

from spectral_interp import certify, explain, from_state_dict, plots
from spectral_interp.regions import slice_spectrum


class Published(torch.nn.Module):
    """``λ_k`` of a tridiagonal matrix that two linear layers make of the features."""

    def __init__(self, n_features: int, dim: int, k: int) -> None:
        super().__init__()
        self.diag, self.off_diag = torch.nn.Linear(n_features, dim), torch.nn.Linear(n_features, dim - 1)
        self.k = k

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return predictions (n,) at features (n, p)."""
        bonds = torch.diag_embed(self.off_diag(z), 1)
        return torch.linalg.eigvalsh(torch.diag_embed(self.diag(z)) + bonds + bonds.mT)[:, self.k]


args = arguments(__doc__).parse_args()

torch.manual_seed(0)
z = torch.linspace(-2, 2, 120)[:, None]
target = torch.sin(3 * z[:, 0]) + 0.1 * torch.randn(len(z))
module = Published(n_features=1, dim=7, k=3)
optimizer = torch.optim.Adam(module.parameters(), lr=0.03)
for _ in range(20 if args.quick else 600):
    optimizer.zero_grad()
    loss = ((module(z) - target) ** 2).mean()
    loss.backward()
    optimizer.step()
print(f"Mean squared error of the module: {loss.item():.3f}")

pencil = from_state_dict(module.state_dict(), k=3)
with torch.no_grad():
    difference = np.abs(explain(pencil, z.numpy()).prediction - module(z).numpy()).max()
print(f"Largest difference from the module, which computes in single precision: {difference:.0e}")
print("\n".join(certify(pencil).sentences()))

ax = plots.spectrum(slice_spectrum(pencil, z.numpy(), "z0"))
ax.plot(z[:, 0], target, ".", color=plots.COLOURS[1], markersize=4, zorder=0)
save(args)
