#define opts_load dmp_opts_load
