"""What the benchmarks store: one model, and a table of 20 mixed columns that lives through eleven versions.

Nothing here knows who stores it, so that each peer can run it in an environment of its own: numpy and pandas are enough,
scikit-learn for the model. Equal seeds give equal values, on every machine.
"""
from collections.abc import Iterator

import numpy as np
import pandas as pd

ROWS = 1_000_000
STEPS = ('first', 'append', 'scattered', 'block', 'column', 'append', 'scattered', 'block', 'column', 'append', 'scattered')
CHANGED = {'scattered': ('price', 'passengers', 'score'), 'block': ('temp', 'remark')}   # which column the n-th change hits


def table(rows:int=ROWS, seed:int=0, start:int=0) -> pd.DataFrame:
    "A frame of 20 columns; `start` is the number of rows that stand before it, for its ids and times"
    r = np.random.default_rng([seed, start])
    text = lambda names, p=None: _texts(names, r.choice(len(names), rows, p=p))
    nth = start + np.arange(rows)
    weights = 1/np.arange(1, 101)
    return pd.DataFrame({
        'id': nth.astype('int64'),
        'time': pd.to_datetime(1_356_998_400_000_000 + nth*31_000_000 + r.integers(0, 31_000_000, rows), unit='us').astype('datetime64[us]'),
        'carrier': pd.Categorical.from_codes(r.integers(0, 16, rows).astype('int8'), [f'C{i:02}' for i in range(16)]),
        'origin': text(['EWR', 'JFK', 'LGA']),
        'dest': text([f'D{i:03}' for i in range(100)], weights/weights.sum()),
        'customer': text([f'c{i:05}' for i in range(50_000)]),
        'remark': text([f'remark {i} on the state of the flight' for i in range(500)]),
        'weekend': r.random(rows) < 2/7,
        'late': _with_gaps(pd.Series(r.random(rows) < 0.2, dtype='boolean'), r, 0.03),
        'passengers': _with_gaps(pd.Series(r.poisson(140, rows), dtype='Int64'), r, 0.02),
        'delay': np.rint(r.gamma(1.5, 12, rows) - 8).astype('int32'),
        'distance': np.sort(r.integers(90, 4980, 200))[r.integers(0, 200, rows)].astype('int64'),
        'price': np.round(r.lognormal(5, 0.6, rows), 2),
        'temp': np.where(r.random(rows) < 0.01, np.nan, np.round(r.normal(57, 18, rows), 1)),
        'wind': np.round(r.weibull(2, rows)*11, 1).astype('float32'),
        'x0': r.normal(size=rows), 'x1': r.normal(size=rows), 'x2': r.normal(size=rows), 'x3': r.normal(size=rows).astype('float32'),
        'score': r.random(rows)})


def _texts(names:list[str], codes:np.ndarray) -> pd.Series:
    "Texts by number, in pandas' own type for them"
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(names))).astype(pd.Series(names).dtype)


def _with_gaps(values:pd.Series, r:np.random.Generator, share:float) -> pd.Series:
    "Some values go missing"
    return values.mask(r.random(len(values)) < share)


def versions(rows:int=ROWS, seed:int=0) -> Iterator[tuple[str, pd.DataFrame]]:
    "What happened, and the whole frame after it, eleven times; each frame is a new object that nobody changes later"
    frame, seen = table(rows, seed), {}
    for step in STEPS:
        n = seen[step] = seen.get(step, -1) + 1
        r = np.random.default_rng([seed, rows, *map(ord, step), n])
        if step == 'append': frame = _appended(frame, rows//100, seed)
        if step in CHANGED: frame = _changed(frame, step, CHANGED[step][n], r)
        if step == 'column': frame = frame.assign(**{f'feature_{n}': r.normal(size=len(frame)) if n else np.round(r.normal(size=len(frame)), 3)})
        yield step, frame


def _appended(frame:pd.DataFrame, rows:int, seed:int) -> pd.DataFrame:
    "1 % more rows at the end; columns that were added later get values too"
    new = table(rows, seed, start=len(frame))
    extra = {c: np.random.default_rng([seed, len(frame), 7]).normal(size=rows) for c in frame.columns if c not in new}
    return pd.concat([frame, new.assign(**extra)], ignore_index=True)


def _changed(frame:pd.DataFrame, step:str, column:str, r:np.random.Generator) -> pd.DataFrame:
    "Other values in 1 % of the rows of one column: rows drawn anywhere, or a block of neighbours"
    n = len(frame)//100
    rows = np.sort(r.choice(len(frame), n, replace=False)) if step == 'scattered' else slice(k := int(r.integers(0, len(frame) - n)), k + n)
    values = frame[column].copy()
    values.iloc[rows] = values.iloc[r.integers(0, len(frame), n)].array    # values that the column has elsewhere: its type stays
    return frame.assign(**{column: values})


def model(rows:int=1000, columns:int=10, trees:int=100, seed:int=0):
    "A fitted pipeline of a scaler and a forest, and its input"
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    r = np.random.default_rng(seed)
    X = r.normal(size=(rows, columns))
    y = (X[:, 0] + X[:, 1]*X[:, 2] + 0.5*r.normal(size=rows) > 0).astype(int)
    return make_pipeline(StandardScaler(), RandomForestClassifier(trees, random_state=seed)).fit(X, y), X
