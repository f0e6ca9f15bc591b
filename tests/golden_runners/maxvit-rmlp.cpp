// The golden "maxvit-rmlp": the same family and the same names of tensors as "maxvit".
#include "maxvit.cpp"
