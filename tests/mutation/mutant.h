// What instrumented sources call (schemata.py): every mutant is in the program, and the environment
// says which one is active. SINGLEFLIGHT_MUTANT is its number; SINGLEFLIGHT_MUTANT_REACHED a file
// of one byte for each number, which is set where the program asks for that mutant, so that it is
// known which tests can tell it at all.

#ifndef SINGLEFLIGHT_TESTS_MUTATION_MUTANT_H_
#define SINGLEFLIGHT_TESTS_MUTATION_MUTANT_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <type_traits>

namespace sf_mutant {

inline unsigned ActiveByEnvironment() {
  const char* const number = std::getenv("SINGLEFLIGHT_MUTANT");
  return number == nullptr ? 0 : static_cast<unsigned>(std::strtoul(number, nullptr, 10));
}

// A mapping stays, whatever becomes of the process.
inline char* ReachedByEnvironment() {
  const char* const path = std::getenv("SINGLEFLIGHT_MUTANT_REACHED");
  if (path == nullptr) return nullptr;
  const int file = open(path, O_RDWR);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) std::abort();
  void* const bytes = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ | PROT_WRITE,
                           MAP_SHARED, file, 0);
  if (bytes == MAP_FAILED) std::abort();
  return static_cast<char*>(bytes);
}

inline const unsigned active = ActiveByEnvironment();
inline char* const reached = ReachedByEnvironment();

inline bool On(unsigned number) {
  if (reached != nullptr) reached[number] = 1;
  return active == number;
}

// a < b, and a <= b as the mutant; likewise the others.
template <typename A, typename B>
bool Less(unsigned number, const A& a, const B& b) {
  return On(number) ? a <= b : a < b;
}
template <typename A, typename B>
bool LessOrEqual(unsigned number, const A& a, const B& b) {
  return On(number) ? a < b : a <= b;
}
template <typename A, typename B>
bool Greater(unsigned number, const A& a, const B& b) {
  return On(number) ? a >= b : a > b;
}
template <typename A, typename B>
bool GreaterOrEqual(unsigned number, const A& a, const B& b) {
  return On(number) ? a > b : a >= b;
}

// The smaller or the larger of two, and either of them as mutants.
template <typename T, typename A, typename B>
std::decay_t<T> Bound(unsigned first, unsigned second, const T& bound, const A& a, const B& b) {
  if (On(first)) return static_cast<std::decay_t<T>>(a);
  return On(second) ? static_cast<std::decay_t<T>>(b) : bound;
}

// A lock's mutex, and one that no other thread has as the mutant.
template <typename Mutex>
Mutex& Locked(unsigned number, Mutex& mutex) {
  static thread_local Mutex nobodys;
  return On(number) ? nobodys : mutex;
}

}  // namespace sf_mutant

#endif  // SINGLEFLIGHT_TESTS_MUTATION_MUTANT_H_
