"""Training on a cluster: Ray Train runs the trainers of `codeseq_ray.training` on its workers."""
