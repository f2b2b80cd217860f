"""Draws the noise of a count as OpenDP does: epsilon, bound and how many, as arguments."""

import json
import sys

import opendp.prelude as dp

dp.enable_features("contrib")
epsilon, bound, draws = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
counts = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
scale = bound / epsilon
laplace = dp.m.make_laplace(*counts, scale=scale)
json.dump(
    {
        "epsilon": laplace.map(bound),
        "reach": int(dp.discrete_laplacian_scale_to_accuracy(scale, 0.001)),
        "draws": laplace([0] * draws),
    },
    sys.stdout,
)
