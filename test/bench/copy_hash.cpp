#include <fcntl.h>
#include <unistd.h>

#include <iostream>
#include <vector>

#include "base/digest.hpp"

// The floor of goal 11: copies FROM to TO and hashes it with SHA-256 in the same pass.
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int from = ::open(argv[1], O_RDONLY | O_CLOEXEC);
  const int to = ::open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (from < 0 || to < 0) return 1;
  slipway::Hasher hasher(slipway::DigestKind::sha256);
  std::vector<char> buffer(1u << 20);
  for (ssize_t got = 0; (got = ::read(from, buffer.data(), buffer.size())) > 0;) {
    hasher.update({buffer.data(), static_cast<std::size_t>(got)});
    if (::write(to, buffer.data(), static_cast<std::size_t>(got)) != got) return 1;
  }
  std::cout << hasher.hex() << "\n";
  return 0;
}
