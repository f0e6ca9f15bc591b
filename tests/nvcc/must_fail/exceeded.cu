// The check of budgets itself: every limit below is exceeded, and one line chooses no kernel.
// ARCH sm_80
// BUDGET sm_80 registers<=1 shared<=511 kernel=turned
// BUDGET all spills=0 kernel=no_such_kernel
// SASS sm_80 LDS=0 kernel=turned
__global__ void turned(float* p) {
  __shared__ float s[128];
  s[threadIdx.x] = p[threadIdx.x];
  __syncthreads();
  p[threadIdx.x] = s[127 - threadIdx.x];
}
