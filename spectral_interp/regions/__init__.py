"""Linear regions of a model, and slices through it."""

from .boundaries import line_boundaries, plane_boundaries
from .cover import linear_cover, tangent_errors
from .pieces import Leading, Regions, active_latents, linear_regions
from .slices import PlaneSlice, SpectrumSlice, slice_plane, slice_spectrum

__all__ = [
    "Leading",
    "PlaneSlice",
    "Regions",
    "SpectrumSlice",
    "active_latents",
    "line_boundaries",
    "linear_cover",
    "linear_regions",
    "plane_boundaries",
    "slice_plane",
    "slice_spectrum",
    "tangent_errors",
]
