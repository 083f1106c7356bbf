#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "base/error.hpp"
#include "cpi/vsphere/settings.hpp"

namespace slipway::cpi::vsphere {

namespace {

la_ssize_t append(archive*, void* image, const void* bytes, std::size_t size) {
  static_cast<std::string*>(image)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

void require(archive* writer, int status) {
  if (status == ARCHIVE_OK) return;
  const char* text = archive_error_string(writer);
  throw Error(Fault::internal, std::string("writing the settings' ISO image: ") +
                                   (text != nullptr ? text : "no reason given"));
}

}  // namespace

std::string env_iso(const std::string& env) {
  std::string image;
  const std::unique_ptr<archive, decltype(&archive_write_free)> writer(archive_write_new(),
                                                                       archive_write_free);
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                            archive_entry_free);
  require(writer.get(), archive_write_set_format_iso9660(writer.get()));
  // The agent's own kernel reads the name by Rock Ridge; Joliet is for other readers. No gap of 150 sectors
  // for burning, which would be most of the image.
  require(writer.get(),
          archive_write_set_options(writer.get(), "rockridge=useful,joliet,volume-id=ENV,!pad"));
  require(writer.get(), archive_write_set_bytes_in_last_block(writer.get(), 1));
  require(writer.get(), archive_write_open(writer.get(), &image, nullptr, append, nullptr));
  archive_entry_set_pathname(entry.get(), "env");
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(env.size()));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0444);
  archive_entry_set_mtime(entry.get(), 0, 0);  // the same settings, the same image
  require(writer.get(), archive_write_header(writer.get(), entry.get()));
  if (archive_write_data(writer.get(), env.data(), env.size()) != static_cast<la_ssize_t>(env.size())) {
    require(writer.get(), ARCHIVE_FATAL);
  }
  require(writer.get(), archive_write_close(writer.get()));
  return image;
}

}  // namespace slipway::cpi::vsphere
