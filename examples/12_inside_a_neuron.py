"""Inside a neuron: read its matrices, latents and bonds, where physics says what they mean.

Five equal masses hang in a row between six springs. The squared frequencies of their vibrations are the
eigenvalues of a tridiagonal matrix that is linear in the stiffness of the springs: a spectral neuron whose
latents are masses and whose bonds are springs. A fitted neuron, ``est.pencil_``, is read in the same way. In
the picture of the slowest vibration the weight of a latent is how much its mass moves, and each line shows
what a spring adds.
"""

import numpy as np
import pandas as pd
from _gallery import arguments, save

from spectral_interp import Pencil, certify, explain, plots

args = arguments(__doc__).parse_args()

masses = 5
springs = masses + 1  # spring s lies between masses s - 1 and s; the first and the last end at a wall
diag, off = np.zeros((1 + springs, masses)), np.zeros((1 + springs, masses - 1))  # row 0 is the intercept
for s in range(springs):
    diag[1 + s, max(s - 1, 0) : s + 1] = 1
    if 0 < s < masses:
        off[1 + s, s - 1] = -1
slowest = Pencil(diag, off, k=0)
names = ["intercept", *(f"spring {s}" for s in range(springs))]
print("Diagonals, one column a mass, and off-diagonals, one column a bond:")
print(pd.concat([pd.DataFrame(diag, names), pd.DataFrame(off, names)], axis=1).to_string(float_format="%.0f"))

stiffness = np.array([[4.0, 4, 1, 4, 4, 4]])  # N/m; spring 2 is soft
found = explain(slowest, stiffness)
print("Share of every mass in the motion:", found.latent_weights()[0, 0].round(2))

bonds = np.diag((stiffness @ off[1:])[0], 1)
motion = np.linalg.eigh(np.diag((stiffness @ diag[1:])[0]) + bonds + bonds.T).eigenvectors[:, 0]
stretched = np.diff(motion, prepend=0, append=0)
difference = abs(found.values[0] - stiffness[0] * stretched**2).max()
print(
    f"Largest difference of a contribution from the energy in its spring (twice, by LAPACK): {difference:.0e}"
)
print(
    "\n".join(words for words in certify(slowest).sentences() if "never fall" in words or "concave" in words)
)

plots.chain(found, 0)
save(args)
