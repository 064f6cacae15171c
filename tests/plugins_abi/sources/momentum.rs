// Gradient descent with momentum in Rust, without any crate: the structs of fastbp_plugin.h, field for field.
use std::os::raw::{c_char, c_double, c_int, c_void};

#[repr(C)]
pub struct Step {
    size: u32,
    n_slots: u32,
    params: *mut f32,
    grads: *const f32,
    slots: *const *mut f32,
    n: isize,
    start: isize,
    stop: isize,
    hyper: *const f64,
    learning_rate: f64,
    t: u64,
    blocks: *const c_void,
    n_blocks: isize,
    tools: *const c_void,
    engine: *mut c_void,
}

#[repr(C)]
pub struct Opt {
    name: *const c_char,
    value: c_double,
    least: c_double,
    most: c_double,
    doc: *const c_char,
}

#[repr(C)]
pub struct Optimizer {
    abi: u32,
    size: u32,
    flags: u32,
    n_slots: u32,
    initial: *const f64,
    n_options: u32,
    reserved: u32,
    options: *const Opt,
    learning_rate: f64,
    step: unsafe extern "C" fn(*const Step) -> c_int,
    explain: Option<unsafe extern "C" fn(c_int) -> *const c_char>,
    doc: *const c_char,
}

unsafe impl Sync for Opt {}
unsafe impl Sync for Optimizer {}

unsafe extern "C" fn step(s: *const Step) -> c_int {
    let s = &*s;
    let (lr, mu) = (s.learning_rate as f32, *s.hyper as f32);
    let v = *s.slots;
    for i in s.start..s.stop {
        *v.offset(i) = mu * *v.offset(i) - lr * *s.grads.offset(i);
        *s.params.offset(i) += *v.offset(i);
    }
    0
}

static HYPER: [Opt; 1] = [Opt {
    name: b"momentum\0".as_ptr() as *const c_char,
    value: 0.9,
    least: 0.0,
    most: 1.0,
    doc: std::ptr::null(),
}];

#[no_mangle]
pub static momentum: Optimizer = Optimizer {
    abi: 1,
    size: std::mem::size_of::<Optimizer>() as u32,
    flags: 3,
    n_slots: 1,
    initial: std::ptr::null(),
    n_options: 1,
    reserved: 0,
    options: HYPER.as_ptr(),
    learning_rate: 0.01,
    step,
    explain: None,
    doc: std::ptr::null(),
};
