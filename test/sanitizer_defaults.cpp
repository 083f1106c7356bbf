// What the sanitizers cannot judge, in the programs themselves: some are started with an environment of their own.
extern "C" {

const char* __lsan_default_options();
const char* __lsan_default_suppressions();
const char* __tsan_default_suppressions();

// Tests read what a program says.
const char* __lsan_default_options() { return "print_suppressions=0"; }

// The HTTP library's threads end after OpenSSL has cleaned up, and what it keeps for each thread is lost then.
const char* __lsan_default_suppressions() { return "leak:libcrypto.so\n"; }

// Libraries that were not compiled with it, whose atomic counts and locks it does not see, and the headers whose other
// half they are. Races of our own code are not left out.
const char* __tsan_default_suppressions() {
  return "race:libcpprest.so\n"
         "race:pplx::\n";
}

}  // extern "C"
