"""The paper's generator: a latent diffusion model on the portrait's reference features, speech and hand maps."""
