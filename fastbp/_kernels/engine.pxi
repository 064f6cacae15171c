# The engine: layers as C structs, with pointers into the flat parameter and gradient vectors and into activations
# allocated once. run_batches() walks the batches of an epoch without the GIL.
cdef extern from "rows.h" nogil:
    ctypedef struct Rows:
        const char *x           # (n_samples, n_cols), or NULL
        Py_ssize_t n_samples, n_cols
        int half                # float16, else words of 4 bytes
        const Py_ssize_t *order # (n_samples) row numbers, or NULL for rows as they lie
    void gather_rows(const Rows *, Py_ssize_t start, Py_ssize_t n_rows, float *out)
    const float *batch_rows(const Rows *, Py_ssize_t start, Py_ssize_t n_rows, float *room)
    void prefetch_rows(const Rows *, Py_ssize_t start, Py_ssize_t stop)
    int finite_floats(const uint32_t *, Py_ssize_t n)
    int finite_halves(const uint16_t *, Py_ssize_t n)

ctypedef struct Run:
    Rows x                      # (n_samples, n_in)
    Rows y                      # (n_samples, n_true), 4-byte words
    Rows weight                 # (n_samples, 1) or none
    const double *learning_rates    # of each step of this run
    float *y_pred               # room for the predictions of this run, or NULL
    Py_ssize_t n_samples, batch_size
    Py_ssize_t first, last      # batches
    uint64_t step               # steps taken before this run
    double seconds              # hand back after so long
    int gradient_norm           # measure it
    # results
    Py_ssize_t done
    double loss_sum             # sum over batches of loss * n_rows
    double norm_sum             # sum over batches of the gradient's norm
    double last_loss


cdef enum:
    TRAIN_PER_KEEP = 100        # time between copies of the state, over the time one takes
    ROWS_AHEAD = 64             # of the next batch that are asked for; more would push this one out of the cache


cdef class Engine:
    """What a plan runs; made and filled by `Plan`."""
    cdef Context ctx
    cdef Layer *layers
    cdef int n_layers
    cdef Loss loss
    cdef Optimizer optimizer
    cdef ActivationKernel last_kernel
    cdef Penalty *penalties
    cdef int n_penalties
    cdef float *params
    cdef float *grads
    cdef float *x_batch
    cdef float *y_batch
    cdef float *weight_batch
    cdef float *statistics              # (n_statistics) running ones, of the layers
    cdef float *kept_statistics         # with optimizer.kept and kept_run, where a failed step goes back to
    cdef Py_ssize_t n_statistics
    cdef Run kept_run
    cdef double keep_at
    cdef Rows coming                    # samples whose order says which rows will be gathered,
    cdef Py_ssize_t asked, ask          # from which on, and how many to ask for at a time
    cdef readonly Py_ssize_t max_rows, n_in, n_out, n_params
    cdef readonly Py_ssize_t done       # batches of the last run, whether or not an exception ended it

    def __cinit__(self):
        self.layers = NULL
        self.penalties = NULL

    def __dealloc__(self):
        free(self.layers)
        free(self.penalties)

    cdef void forward_rows(self, Py_ssize_t n_rows, bint training, uint64_t step) noexcept nogil:
        cdef int i
        for i in range(self.n_layers):
            self.layers[i].training = training
            self.layers[i].dropout.step = <uint32_t>step
            self.layers[i].dropout.n = n_rows * self.layers[i].rows_each * self.layers[i].n_out
            self.layers[i].forward(&self.layers[i], n_rows * self.layers[i].rows_each, &self.ctx)
            self.ask_ahead()

    cdef void backward_rows(self, Py_ssize_t n_rows) noexcept nogil:
        cdef int i
        for i in range(self.n_layers - 1, -1, -1):
            self.layers[i].backward(&self.layers[i], n_rows * self.layers[i].rows_each, &self.ctx)
            self.ask_ahead()
            if self.ctx.stop:
                return

    cdef void ask_ahead(self) noexcept nogil:
        """Ask for a few rows of the next batch, layer by layer, so that its gather does not wait for memory."""
        if self.coming.order != NULL:
            prefetch_rows(&self.coming, self.asked, self.asked + self.ask)
            self.asked += self.ask

    cdef void leave_activation_to_loss(self, bint leave) noexcept nogil:
        """A fused loss takes the last layer's z; everything else its y."""
        self.layers[self.n_layers - 1].activation.kernel = LINEAR if leave and self.loss.fused else self.last_kernel

    cdef double penalty(self) noexcept nogil:
        """l1 sum|w| + l2 sum w^2 over the penalised tensors."""
        cdef int k
        cdef double total = 0
        for k in range(self.n_penalties):
            total += penalty_value(&self.penalties[k])
        return total

    cdef void add_penalty_gradients(self) noexcept nogil:
        """Of the tensors whose layer has not added them already."""
        cdef int k
        for k in range(self.n_penalties):
            if not self.penalties[k].with_dw:
                penalty_gradient(&self.penalties[k], 0, self.penalties[k].n)

    cdef void load_rows(self, Run *run, Py_ssize_t start, Py_ssize_t n_rows) noexcept nogil:
        """Point at the batch where it lies, or gather its rows."""
        self.layers[0].x = batch_rows(&run.x, start, n_rows, self.x_batch)
        self.loss.y_true = batch_rows(&run.y, start, n_rows, self.y_batch)
        self.loss.weight = batch_rows(&run.weight, start, n_rows, self.weight_batch)
        self.loss.n_rows = n_rows
        self.asked = start + n_rows

    cdef double batch_loss(self, Run *run, Py_ssize_t batch, Py_ssize_t n_rows, bint training) noexcept nogil:
        """Gather, forward, loss; the gradient of the loss is left in the last layer's dy."""
        cdef double loss = 0
        self.load_rows(run, batch * run.batch_size, n_rows)
        self.forward_rows(n_rows, training, run.step + run.done)
        loss = compute_loss(&self.loss, &self.ctx)
        if run.y_pred != NULL:
            memcpy(run.y_pred + (batch - run.first) * run.batch_size * self.n_out, self.loss.y_pred, n_rows * self.n_out * sizeof(float))
        return loss

    cdef void run_batches(self, Run *run) noexcept nogil:
        """Batches run.first to run.last: forward, loss, backward, step. Stops early, between steps, when it must."""
        cdef Py_ssize_t batch
        cdef double until = seconds() + run.seconds
        cdef bint replays = self.replays()
        self.optimizer.keeps = self.optimizer.kept != NULL and not replays
        self.keep_at = 0
        self.leave_activation_to_loss(True)
        self.coming = run.x
        self.ask = min(run.batch_size, ROWS_AHEAD) // (2 * self.n_layers) + 1
        for batch in range(run.first, run.last):
            if replays and seconds() >= self.keep_at:
                self.keep(run)
            if not self.train_batch(run, batch) or poll(&self.ctx) or seconds() > until:
                break
        if self.optimizer.torn:
            self.replay(run)
        self.coming.order = NULL
        self.leave_activation_to_loss(False)

    cdef bint train_batch(self, Run *run, Py_ssize_t batch) noexcept nogil:
        """Whether the step was taken; if not, params are as before (unless optimizer.torn)."""
        cdef Py_ssize_t n_rows = min(run.batch_size, run.n_samples - batch * run.batch_size)
        cdef double loss = self.batch_loss(run, batch, n_rows, True) + self.penalty()
        run.last_loss = loss
        if self.ctx.stop or not isfinite(loss):
            return False
        self.backward_rows(n_rows)
        self.add_penalty_gradients()
        if self.ctx.stop:
            return False
        if run.gradient_norm:
            run.norm_sum += sqrt(sum_of_squares(self.grads, self.optimizer.n))
        self.optimizer.learning_rate = run.learning_rates[batch - run.first]
        self.optimizer.t = run.step + run.done + 1
        optimizer_step(&self.optimizer, &self.ctx)
        if self.ctx.stop:
            return False
        run.loss_sum += loss * n_rows
        run.done += 1
        return True

    # A compiled step is made of what it is handed alone, so it can be taken again to the same bits. Where one may fail,
    # the state is kept only now and then; a failure goes back there, and trains up to the failed step once more.

    cdef bint replays(self) noexcept nogil:
        """Whether failed steps are undone in this way: Python may do something else when asked again."""
        return self.optimizer.kept != NULL and self.optimizer.python == NULL and self.loss.python == NULL

    cdef void keep(self, Run *run) noexcept nogil:
        cdef double start = seconds()
        keep(&self.optimizer)
        memcpy(self.kept_statistics, self.statistics, self.n_statistics * sizeof(float))
        self.kept_run = run[0]
        self.keep_at = seconds() + TRAIN_PER_KEEP * (seconds() - start)

    cdef void go_back(self, Run *run) noexcept nogil:
        go_back(&self.optimizer)
        memcpy(self.statistics, self.kept_statistics, self.n_statistics * sizeof(float))
        run[0] = self.kept_run

    cdef void replay(self, Run *run) noexcept nogil:
        """State and run as they were before the step that is torn; if that fails too, as they were kept."""
        cdef Py_ssize_t done = run.done
        self.go_back(run)
        self.ctx.stop = 0
        self.ctx.next_poll = INFINITY
        while run.done < done and self.train_batch(run, run.first + run.done):
            pass
        if self.optimizer.torn:
            self.go_back(run)
        self.ctx.stop = 1

    cdef void evaluate_batches(self, Run *run) noexcept nogil:
        cdef Py_ssize_t batch, n_rows
        self.leave_activation_to_loss(True)
        for batch in range(run.first, run.last):
            n_rows = min(run.batch_size, run.n_samples - batch * run.batch_size)
            run.loss_sum += self.batch_loss(run, batch, n_rows, False) * n_rows
            if poll(&self.ctx):
                break
        self.leave_activation_to_loss(False)

    cdef void predict_rows(self, const Rows *rows, float *out) noexcept nogil:
        # out (n_samples, n_out)
        cdef Py_ssize_t start = 0, n_rows
        while start < rows.n_samples and not poll(&self.ctx):
            n_rows = min(self.max_rows, rows.n_samples - start)
            self.layers[0].x = batch_rows(rows, start, n_rows, self.x_batch)
            self.forward_rows(n_rows, False, 0)
            memcpy(out + start * self.n_out, self.layers[self.n_layers - 1].y, n_rows * self.n_out * sizeof(float))
            start += n_rows
