"""What made the model decide: saliency, integrated gradients, Grad-CAM."""

from localgrad.attribution.activation import grad_cam
from localgrad.attribution.gradients import gradient_times_input, integrated_gradients, saliency
from localgrad.attribution.result import Attribution

__all__ = ["Attribution", "grad_cam", "gradient_times_input", "integrated_gradients", "saliency"]
