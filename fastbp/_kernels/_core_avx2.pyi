from fastbp._kernels._core_baseline import *
