include "audio.pxi"
