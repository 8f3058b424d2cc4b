"""Arrays as people pass them: numbers of any type, layout and magnitude, NaN and infinity too."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

FEW = settings(max_examples=150, deadline=None, derandomize=True)
TYPES = (np.uint8, np.int16, np.int64, np.uint64, np.float16, np.float32, np.float64)
LAYOUTS = (np.array, np.asfortranarray, lambda array: np.repeat(array, 2, axis=-1)[..., ::2])


def arrays(shape) -> st.SearchStrategy[np.ndarray]:
    of_any_type = st.sampled_from(TYPES).flatmap(lambda dtype: hnp.arrays(dtype, shape))
    return st.builds(lambda lay_out, array: lay_out(array), st.sampled_from(LAYOUTS), of_any_type)
