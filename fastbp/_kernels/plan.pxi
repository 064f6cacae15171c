# The plan: made once for a network and a batch size. It gives the engine its layers, buffers, loss and optimizer, and
# offers what the engine does to Python.
import threading

cdef enum:
    ALIGNMENT = 16              # floats in 64 bytes


cdef inline float *aligned(float *p) noexcept:
    """p, or the next 64-byte boundary."""
    return <float *>((<size_t>p + 63) & ~<size_t>63)


cdef class Plan(Engine):
    """A network made ready to run on batches of at most `max_rows` rows.

    specs: a dict for each layer (see `layers.Layer.plan_spec`). params, grads: flat float32 vectors; state: running
    statistics. n_parts: how many bfloat16 numbers products split a float32 into, where they are large enough for
    `parts_limit` (default: see PARTS_LIMITS); 0 leaves all to the float32 kernels. Every method may be called from any
    thread; calls on one plan wait for each other.
    """
    cdef list arrays
    cdef list errors
    cdef object lock
    cdef Py_ssize_t forwarded           # rows of the batch whose activations `backward` finds, or -1

    def __init__(self, list specs, float[::1] params, float[::1] grads, float[::1] state, Py_ssize_t max_rows,
                 int n_threads=1, bint input_gradient=False, int n_parts=0, parts_limit=None):
        self.lock = threading.Lock()
        self.forwarded = -1
        self.errors = []
        self.arrays = [params, grads, state]
        self.ctx.errors = <void *>self.errors
        self.max_rows = max_rows
        self.n_in = specs[0]["n_in"] * specs[0].get("frames", 1)
        self.n_params = params.shape[0]
        self.params = address(params)
        self.grads = address(grads)
        self.statistics = address(state)
        self.n_statistics = state.shape[0]
        self.n_layers = len(specs)
        self.layers = <Layer *>calloc(self.n_layers, sizeof(Layer))
        if self.layers == NULL:
            raise MemoryError()
        for i, spec in enumerate(specs):
            self.add_layer(&self.layers[i], spec, address(state))
        self.n_out = self.layers[self.n_layers - 1].n_out * self.layers[self.n_layers - 1].frames_out
        self.connect(specs, input_gradient)
        self.allocate_scratch(specs, n_threads)
        self.allocate_parts(specs, n_parts, PARTS_LIMITS[n_parts] if parts_limit is None else parts_limit)

    cdef float *floats(self, Py_ssize_t n):
        """n floats on a 64-byte boundary, zeroed, that live as long as the plan."""
        cdef float[::1] block = np.zeros(n + ALIGNMENT, np.float32)
        self.arrays.append(block)
        return aligned(&block[0])

    cdef int add_layer(self, Layer *l, dict spec, float *state) except -1:
        l.n_in = spec["n_in"]
        l.n_out = spec["n_out"]
        l.frames = l.rows_each = spec.get("frames", 1)
        l.frames_out = spec.get("frames_out", l.frames)
        l.y = self.floats(self.max_rows * l.frames_out * l.n_out)
        l.z = l.y
        if spec.get("w", -1) >= 0:
            l.w = self.params + <Py_ssize_t>spec["w"]
            l.dw = self.grads + <Py_ssize_t>spec["w"]
        if spec.get("b", -1) >= 0:
            l.b = self.params + <Py_ssize_t>spec["b"]
            l.db = self.grads + <Py_ssize_t>spec["b"]
        op = spec["op"]
        if op == "dense" or op == "activation":
            self.set_activation(l, spec, op == "dense")
        elif op == "dropout":
            l.forward = dropout_forward
            l.backward = dropout_backward
            l.dropout = Dropout(self.floats(self.max_rows * l.frames * l.n_out), 0, spec["seed"], 0, spec["index"], spec["rate"])
        elif op == "time_context" or op == "statistics_pooling":
            self.set_sequence(l, spec, op == "time_context")
        else:
            self.set_normalization(l, spec, state, op == "batch_norm")
        return 0

    cdef int set_sequence(self, Layer *l, dict spec, bint context) except -1:
        cdef Py_ssize_t[::1] offsets = np.array(spec.get("offsets", [0]), np.intp)
        self.arrays.append(offsets)
        l.rows_each = 1
        l.offsets = &offsets[0]
        l.n_offsets = len(offsets)
        l.epsilon = spec.get("epsilon", 0.0)
        l.forward = time_context_forward if context else statistics_forward
        l.backward = time_context_backward if context else statistics_backward
        return 0

    cdef int set_activation(self, Layer *l, dict spec, bint dense) except -1:
        l.forward = dense_forward if dense else activation_forward
        l.backward = dense_backward if dense else activation_backward
        cdef ActivationKernel kernel = activation_kernel(spec["activation"])
        if dense and kernel.keeps_z:
            l.z = self.floats(self.max_rows * l.frames * l.n_out)
        l.activation = Activation(kernel, spec.get("alpha", 0.0), l.z, l.y, NULL, l.n_out, NULL)
        if kernel.rowwise:
            l.activation.log_sums = self.floats(self.max_rows * l.frames)
        return 0

    cdef int set_normalization(self, Layer *l, dict spec, float *state, bint batch) except -1:
        l.forward = batch_norm_forward if batch else layer_norm_forward
        l.backward = batch_norm_backward if batch else layer_norm_backward
        l.epsilon = spec["epsilon"]
        l.normed = self.floats(self.max_rows * l.frames * l.n_out)
        l.inverse_std = self.floats(max(self.max_rows * l.frames, l.n_out))
        l.sums = <double *>self.floats(4 * l.n_out)
        if batch:
            l.momentum = spec["momentum"]
            l.moving_mean = state + <Py_ssize_t>spec["moving_mean"]
            l.moving_variance = state + <Py_ssize_t>spec["moving_variance"]
        return 0

    cdef int connect(self, list specs, bint input_gradient) except -1:
        """Each layer reads its predecessor's y, and writes dx where the predecessor looks for dy.

        A dy is done with once the layer's dx is there, so that all of them take turns in two buffers.
        """
        cdef int i
        cdef Py_ssize_t widest = 0
        cdef float *dy[2]
        for i in range(self.n_layers):
            widest = max(widest, self.layers[i].frames_out * self.layers[i].n_out)
        for i in range(min(2, self.n_layers)):
            dy[i] = self.floats(self.max_rows * widest)
        for i in range(self.n_layers):
            self.layers[i].dy = self.layers[i].activation.dy = dy[i % 2]
            if i > 0:
                self.layers[i].x = self.layers[i - 1].y
                self.layers[i].dx = self.layers[i - 1].dy
                if self.layers[i].forward == dense_forward and is_elementwise(&self.layers[i - 1].activation.kernel):
                    self.layers[i].below = &self.layers[i - 1].activation
                    self.layers[i - 1].differentiated = 1
        if input_gradient:
            self.layers[0].dx = self.floats(self.max_rows * self.n_in)
        self.last_kernel = self.layers[self.n_layers - 1].activation.kernel
        return 0

    cdef int allocate_scratch(self, list specs, int n_threads) except -1:
        widest = max(max(spec["n_in"], spec["n_out"]) for spec in specs)
        self.ctx.n_threads = min(max(n_threads, 1), MAX_THREADS)
        self.ctx.pack_a = self.floats(PACK_A)
        self.ctx.pack_b = self.floats(pack_b_floats(widest))
        self.x_batch = self.floats(self.max_rows * self.n_in)
        return 0

    cdef int allocate_parts(self, list specs, int n_parts, double limit) except -1:
        """Room for the largest product of parts: forward, weight gradient or input gradient of a dense layer."""
        cdef Py_ssize_t room = 0, rows, n_in, n_out, m, n, k
        for spec in specs if n_parts else ():
            n_in, n_out, rows = spec["n_in"], spec["n_out"], self.max_rows * spec.get("frames", 1)
            for m, n, k in ((rows, n_out, n_in), (n_in, n_out, rows), (rows, n_in, n_out)):
                if spec["op"] == "dense" and parts_pay(m, n, k, limit):
                    room = max(room, parts_floats(m, n, k, n_parts, self.ctx.n_threads))
        if room:
            self.ctx.n_parts = n_parts
            self.ctx.parts_limit = limit
            self.ctx.parts = self.floats(room)
        return 0

    def set_loss(self, kernel, dict options, Py_ssize_t n_true, str last_activation, origin=None):
        """The loss: a kernel's name, the capsule of a compiled plug-in, or a callable (y_true, y_pred) -> (values (n_rows,),
        gradient (n_rows, n_out)). origin: a callable () that says whose it is."""
        cdef Layer *last = &self.layers[self.n_layers - 1]
        memset(&self.loss, 0, sizeof(Loss))
        self.loss.n_true = n_true
        self.loss.n_out = self.n_out
        self.loss.y_pred = last.y
        self.loss.dy = last.dy
        self.loss.values = self.floats(self.max_rows)
        self.y_batch = self.floats(self.max_rows * n_true)
        self.weight_batch = self.floats(self.max_rows)
        self.arrays += [kernel, origin]
        self.loss.origin = <void *>origin if origin is not None else NULL
        if callable(kernel):
            self.loss.python = <void *>kernel
        elif isinstance(kernel, str):
            set_loss(&self.loss, kernel, options, last_activation)
        else:
            self.set_native_loss(kernel, options)

    cdef int set_native_loss(self, capsule, dict options) except -1:
        cdef fastbp_loss native
        read_loss("loss", capsule, &native)
        self.loss.row = native_row
        self.loss.native = native.row
        self.loss.options = self.doubles(read_options("loss", native.options, native.n_options), options)
        return 0

    def set_optimizer(self, kernel, dict hyper, float[:, ::1] slots, Py_ssize_t[:, ::1] blocks, origin=None):
        """The optimizer: a kernel's name, the capsule of a compiled plug-in, or a callable (t, learning_rate) that updates
        the parameters. blocks (n, 3): see fastbp_block. origin: a callable () that says whose it is."""
        cdef Optimizer *o = &self.optimizer
        cdef Py_ssize_t i
        memset(o, 0, sizeof(Optimizer))
        o.params = self.params
        o.grads = self.grads
        o.n = self.n_params
        o.n_state = slots.shape[0] * slots.shape[1]
        o.origin = <void *>origin if origin is not None else NULL
        o.n_blocks = blocks.shape[0]
        if blocks.shape[0]:
            o.blocks = <const fastbp_block *>&blocks[0, 0]
        if o.n_state:
            o.state = &slots[0, 0]
            for i in range(min(slots.shape[0], FASTBP_MAX_SLOTS)):
                o.slots[i] = &slots[i, 0]
        self.arrays += [kernel, slots, blocks, origin]
        set_hyper(o, hyper)
        if slots.shape[0] and slots.shape[1] != o.n:
            raise ValueError(f"slots of {slots.shape[1]} numbers do not fit {o.n} parameters")
        if callable(kernel):
            o.python = <void *>kernel
            o.step = python_step
            o.whole = 1
            o.weight_decay = 0
        elif isinstance(kernel, str):
            choose_step(o, kernel)
            need_slots(slots.shape[0], slots_of(o, kernel))
            return
        elif self.set_native_optimizer(kernel, hyper) & FASTBP_NO_FAIL:
            return
        o.kept = self.floats(o.n + o.n_state)
        self.kept_statistics = self.floats(self.n_statistics)

    cdef uint32_t set_native_optimizer(self, capsule, dict hyper) except? 0:
        """Its flags. A compiled optimizer that has a hyper-parameter called weight_decay sees to the decay itself."""
        cdef fastbp_optimizer native
        cdef Optimizer *o = &self.optimizer
        read_optimizer("optimizer", capsule, &native)
        options = read_options("optimizer", native.options, native.n_options)
        need_slots(o.n_state // o.n if o.n else native.n_slots, native.n_slots)
        set_native_optimizer(o, &native, self.doubles(options, hyper), self.ctx.n_threads)
        if any(option[0] == "weight_decay" for option in options):
            o.weight_decay = 0
        return native.flags

    cdef const double *doubles(self, list options, dict given):
        """The values of a compiled plug-in's options, in its order; they live as long as the plan."""
        cdef double[::1] values = np.array([given[name] or 0.0 for name, *_ in options] + [0.0], np.float64)
        self.arrays.append(values)
        return &values[0]

    def set_penalties(self, list penalties):
        """L1 and L2 on parts of the parameters: (start, n, l1, l2) each."""
        free(self.penalties)
        self.n_penalties = len(penalties)
        self.penalties = <Penalty *>calloc(max(1, self.n_penalties), sizeof(Penalty))
        if self.penalties == NULL:
            raise MemoryError()
        for i, (start, n, l1, l2) in enumerate(penalties):
            self.penalties[i] = Penalty(self.params + <Py_ssize_t>start, self.grads + <Py_ssize_t>start, n, l1, l2, 0)
            self.give_to_layer(&self.penalties[i])

    cdef void give_to_layer(self, Penalty *p) noexcept:
        """A dense layer adds the gradient of its kernel's penalty while it writes dw."""
        cdef int i
        for i in range(self.n_layers):
            if self.layers[i].forward == dense_forward and self.layers[i].w == p.w:
                self.layers[i].penalty = p
                p.with_dw = 1

    # -- what it does, from Python -------------------------------------------------------------------------------

    cdef int start(self, Py_ssize_t forwarded=-1) except -1:
        self.forwarded = forwarded
        self.ctx.stop = 0
        self.ctx.next_poll = seconds() + POLL_SECONDS
        return 0

    cdef int finish(self) except -1:
        """Raise what stopped the run, if anything did."""
        if self.errors:
            error, *more = self.errors
            self.errors.clear()
            for other in more:
                error.add_note(f"going back to the weights before it failed at an earlier step: {other}")
            raise error
        return 0

    cdef Run make_run(self, x, y, const float[::1] weight, const Py_ssize_t[::1] order, Py_ssize_t batch_size) except *:
        """A run over all of x; the arrays must outlive it."""
        cdef Py_ssize_t n = len(x)
        cdef Run run
        memset(&run, 0, sizeof(Run))
        if self.loss.y_pred == NULL:
            raise ValueError("this plan was made without a loss")
        if not 0 < batch_size <= self.max_rows or (order is not None and order.shape[0] != n):
            raise ValueError("rows do not fit this plan")
        run.x = rows_of(x, n, self.n_in, order)
        run.y = rows_of(y, n, self.loss.n_true, order)
        if weight is not None:
            run.weight = rows_of(np.asarray(weight)[:, None], n, 1, order)
        run.n_samples = n
        run.batch_size = batch_size
        run.last = (n + batch_size - 1) // batch_size
        return run

    def train(self, x, y, const float[::1] weight, const Py_ssize_t[::1] order, const double[::1] learning_rates,
              float[:, ::1] y_pred, *, Py_ssize_t batch_size, Py_ssize_t first, Py_ssize_t last, uint64_t step, double seconds,
              bint gradient_norm):
        """Train on batches `first` to `last` of an epoch; comes back early after `seconds`, or on trouble.

        x: float32 or float16 (n_samples, n_in). y: float32 view (n_samples, n_true) (int32 labels viewed as float32).
        learning_rates: one for each batch.
        Returns (batches done, sum of loss * rows, sum of gradient norms, loss of the last batch).
        """
        cdef Run run = self.make_run(x, y, weight, order, batch_size)
        run.first = first
        run.last = min(last, run.last)
        self.check_training(&run, order, learning_rates.shape[0])
        run.step = step
        run.seconds = seconds
        run.gradient_norm = gradient_norm
        if learning_rates.shape[0]:
            run.learning_rates = &learning_rates[0]
        if y_pred is not None:
            run.y_pred = self.room(y_pred, min((run.last - first) * batch_size, run.n_samples - first * batch_size))
        with self.lock:
            self.start()
            with nogil:
                self.run_batches(&run)
            self.done = run.done
            self.finish()
        return run.done, run.loss_sum, run.norm_sum, run.last_loss

    cdef int check_training(self, Run *run, const Py_ssize_t[::1] order, Py_ssize_t n_rates) except -1:
        cdef Py_ssize_t i
        if self.optimizer.step == NULL:
            raise ValueError("this plan was made without an optimizer")
        if run.first < 0 or n_rates < run.last - run.first:
            raise ValueError("batches from 0, and one learning rate for each of them")
        if order is None:
            return 0
        for i in range(run.first * run.batch_size, min(run.last * run.batch_size, run.n_samples)):
            if not 0 <= order[i] < run.n_samples:
                raise ValueError(f"row {order[i]} of {run.n_samples}")
        return 0

    cdef float *room(self, float[:, ::1] y_pred, Py_ssize_t n_rows) except? NULL:
        """Where predictions of that many rows go."""
        if y_pred.shape[0] < n_rows or y_pred.shape[1] != self.n_out:
            raise ValueError(f"no room for predictions {(n_rows, self.n_out)} in {(y_pred.shape[0], y_pred.shape[1])}")
        return &y_pred[0, 0] if y_pred.shape[0] else NULL

    def evaluate(self, x, y, const float[::1] weight, float[:, ::1] y_pred not None):
        """Sum over batches of loss * rows, penalties left out; predictions go to y_pred (n_samples, n_out)."""
        cdef Run run = self.make_run(x, y, weight, None, self.max_rows)
        run.y_pred = self.room(y_pred, run.n_samples)
        with self.lock:
            self.start()
            with nogil:
                self.evaluate_batches(&run)
            self.finish()
        return run.loss_sum

    def loss_and_gradients(self, x, y, const float[::1] weight, bint training, uint64_t step):
        """Loss of one batch (penalties included), and its gradients into grads."""
        cdef Run run = self.make_run(x, y, weight, None, max(1, len(x)))
        cdef double loss = 0
        run.step = step
        with self.lock:
            self.start()
            with nogil:
                self.leave_activation_to_loss(True)
                loss = self.batch_loss(&run, 0, run.n_samples, training)
                self.backward_rows(run.n_samples)
                self.leave_activation_to_loss(False)
                self.add_penalty_gradients()
                loss += self.penalty()
            self.finish()
        return loss

    def penalty_value(self):
        return self.penalty()

    def predict(self, x):
        """The network's answer (n_rows, n_out) for x (n_rows, n_in), in chunks of max_rows.

        None if x is not an array that can be read where it lies: float32 or float16, C-contiguous, n_in columns.
        """
        if not readable(x, self.n_in):
            return None
        cdef Rows rows = rows_of(x, len(x), self.n_in, None)
        cdef cnp.npy_intp[2] shape
        shape[0] = rows.n_samples
        shape[1] = self.n_out
        out = cnp.PyArray_EMPTY(2, shape, cnp.NPY_FLOAT32, 0)
        cdef float *y = <float *>cnp.PyArray_DATA(<cnp.ndarray>out)
        with self.lock:
            self.start()
            with nogil:
                self.predict_rows(&rows, y)
            self.finish()
        return out

    def forward(self, const float[:, ::1] x not None, bint training, uint64_t step):
        """One batch forward, kept for `backward`; returns a copy of the output."""
        cdef Py_ssize_t n_rows = x.shape[0]
        if n_rows > self.max_rows or x.shape[1] != self.n_in:
            raise ValueError(f"this plan takes up to {self.max_rows} rows of {self.n_in}; got {(n_rows, x.shape[1])}")
        with self.lock:
            self.start()
            if n_rows:
                memcpy(self.x_batch, &x[0, 0], n_rows * self.n_in * sizeof(float))
            self.layers[0].x = self.x_batch
            with nogil:
                self.forward_rows(n_rows, training, step)
            self.finish()
            self.forwarded = n_rows
            return self.rows(self.layers[self.n_layers - 1].y, n_rows, self.n_out).copy()

    def backward(self, const float[:, ::1] dy not None):
        """Gradients of the batch last given to `forward`, into grads; returns dx (n_rows, n_in)."""
        cdef Py_ssize_t n_rows = dy.shape[0]
        with self.lock:
            if self.layers[0].dx == NULL:
                raise ValueError("this plan was made without room for the gradient of x")
            if n_rows != self.forwarded or dy.shape[1] != self.n_out:
                raise ValueError(f"dy {(n_rows, dy.shape[1])} is not that of the batch last given to forward, "
                                 f"{(self.forwarded, self.n_out) if self.forwarded >= 0 else 'of which there is none'}")
            self.start(n_rows)
            if n_rows:
                memcpy(self.layers[self.n_layers - 1].dy, &dy[0, 0], n_rows * self.n_out * sizeof(float))
            with nogil:
                self.backward_rows(n_rows)
                self.add_penalty_gradients()
            self.finish()
            return self.rows(self.layers[0].dx, n_rows, self.n_in).copy()

    def step(self, uint64_t t, double learning_rate):
        """Step number t (from 1) of the optimizer, with the gradients as they are."""
        if self.optimizer.step == NULL:
            raise ValueError("this plan was made without an optimizer")
        with self.lock:
            self.start(self.forwarded)
            self.optimizer.t = t
            self.optimizer.learning_rate = learning_rate
            self.optimizer.keeps = self.optimizer.kept != NULL
            with nogil:
                optimizer_step(&self.optimizer, &self.ctx)
            self.finish()

    def first_bad_layer(self, Py_ssize_t n_rows):
        """Index of the first layer with a NaN or an infinity in its last output, or -1."""
        cdef int i
        if n_rows > self.max_rows:
            raise ValueError(f"this plan has {self.max_rows} rows, not {n_rows}")
        for i in range(self.n_layers):
            if not np.isfinite(self.rows(self.layers[i].y, n_rows * self.layers[i].frames_out, self.layers[i].n_out)).all():
                return i
        return -1

    cdef object rows(self, float *p, Py_ssize_t n_rows, Py_ssize_t n_cols):
        return np.asarray(<float[:n_rows, :n_cols]>p) if n_rows else np.empty((0, n_cols), np.float32)


cdef bint readable(x, Py_ssize_t n_cols) noexcept:
    """Whether x is an array (any, n_cols), C-contiguous, of float32 or float16."""
    if not cnp.PyArray_Check(x) or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>x) or cnp.PyArray_NDIM(<cnp.ndarray>x) != 2:
        return False
    cdef int kind = cnp.PyArray_TYPE(<cnp.ndarray>x)
    return cnp.PyArray_DIM(<cnp.ndarray>x, 1) == n_cols and (kind == cnp.NPY_FLOAT32 or kind == cnp.NPY_FLOAT16)


cdef Rows rows_of(x, Py_ssize_t n_rows, Py_ssize_t n_cols, const Py_ssize_t[::1] order) except *:
    """x (n_rows, n_cols), in that order, as the engine reads it."""
    if not readable(x, n_cols) or cnp.PyArray_DIM(<cnp.ndarray>x, 0) != n_rows:
        raise ValueError(f"this plan takes float32 or float16 rows {(n_rows, n_cols)}; got {x.dtype} {x.shape}")
    cdef Rows rows = Rows(<const char *>cnp.PyArray_DATA(<cnp.ndarray>x), n_rows, n_cols,
                          cnp.PyArray_TYPE(<cnp.ndarray>x) == cnp.NPY_FLOAT16, NULL)
    if order is not None and n_rows:
        rows.order = &order[0]
    return rows


cdef inline float *address(float[::1] x) noexcept:
    if x.shape[0]:
        return &x[0]
    return NULL
