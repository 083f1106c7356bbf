#include "director/uploads/stemcell_intake.hpp"

#include <string_view>
#include <vector>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "director/uploads/source.hpp"

namespace slipway::director {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_manifest_bytes = 1u << 20;

// The kernel draws it at each start of the host.
std::string boot_id() { return read_file("/proc/sys/kernel/random/boot_id", 4096); }

// Counts, so that a body that ends early is told from an archive that does.
class CountedBody {
 public:
  explicit CountedBody(http::BodyReader& body) : body_(body) {}
  std::size_t read(std::span<char> out) {
    const auto size = body_.read(out);
    total_ += size;
    return size;
  }
  void read_to_end() {
    std::vector<char> waste(256u << 10);
    while (read(waste) > 0) {
    }
    if (const auto length = body_.length(); length && *length != total_)
      throw Error(Fault::invalid, "the upload broke off after " + std::to_string(total_) + " of " +
                                      std::to_string(*length) + " bytes");
  }

 private:
  http::BodyReader& body_;
  std::uint64_t total_ = 0;
};

}  // namespace

void StemcellIntake::receive(http::BodyReader& body, const fs::path& folder, const Wanted& wanted) {
  CountedBody counted(body);
  constexpr const char* source = "upload";
  try {
    read_upload("stemcell", source, [&] {
      auto archive = ArchiveReader::from_stream([&](std::span<char> out) { return counted.read(out); }, source,
                                                releases::stemcell_limits());
      const auto taken = releases::take_stemcell(archive, folder / "image", {.wanted = wanted});
      write_file_atomically(folder / "stemcell.MF", taken.manifest_text);
      write_file_atomically(folder / "boot_id", boot_id());
    });
  } catch (const Error& error) {
    if (error.fault() == Fault::invalid) counted.read_to_end();
    if (error.fault() == Fault::exhausted && std::string_view(error.what()).starts_with("writing "))
      throw Error(Fault::exhausted, "storing the stemcell's image: No space left on the director's disk");
    throw;
  }
  counted.read_to_end();
}

StemcellIntake::StemcellIntake(const fs::path& folder)
    : folder_(folder),
      manifest_(releases::parse_stemcell_manifest(read_file(folder / "stemcell.MF", max_manifest_bytes), "stemcell.MF")) {
  if (!has_image() || fs::file_size(image()) == 0 || read_file(folder / "boot_id", 4096) == boot_id()) return;
  try {
    verify_file(image().string(), MultiDigest::parse(manifest_.sha1));
  } catch (const Error&) {
    throw Error(Fault::invalid, "the stemcell's image was lost when the director's host went down; upload it again");
  }
}

bool StemcellIntake::has_image() const { return fs::exists(image()); }

}  // namespace slipway::director
