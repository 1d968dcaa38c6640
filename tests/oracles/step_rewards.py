"""Equations 8-13 without running state: what earlier rounds had is looked up anew for every round."""


def gains(similarities):
    """G^t by loops over gold passages; `similarities` is a list of [n_gold][k] nested lists."""
    result = []
    for t, matrix in enumerate(similarities):
        total = 0.0
        for i, row in enumerate(matrix):
            before = max([0.0] + [cosine for earlier in similarities[:t] for cosine in earlier[i]])
            total += max(max([0.0, *row]) - before, 0.0)
        result.append(total / len(matrix) if matrix else 0.0)
    return result


def penalties(rounds):
    """P^t by loops over pairs of passages."""
    result = []
    for t, ids in enumerate(rounds):
        repeated = [pid for pid in ids if any(pid == other for earlier in rounds[:t] for other in earlier)]
        result.append(len(repeated) / len(ids) if ids else 0.0)
    return result
