#include <doctest/doctest.h>

#include "director/uploads/fixture.hpp"

using namespace slipway;
using namespace slipway::director;

namespace fs = std::filesystem;

using Fixture = UploadFixture;

TEST_CASE("a stemcell is created once in the cloud and recorded") {
  Fixture f;
  const auto tarball = f.stemcell("1.0");
  CHECK(f.run(update_stemcell, {{"path", tarball}}) == "/stemcells/debian/1.0");
  CHECK(f.run(update_stemcell, {{"path", tarball}}) == "/stemcells/debian/1.0");
  CHECK(f.cpis.cpi().calls("create_stemcell") == 1);
  const auto stemcell = f.stores.stemcells.find("debian", "1.0", "").value();
  CHECK(stemcell.operating_system == "debian-12");
  CHECK(stemcell.api_version == 3);
  CHECK_FALSE(stemcell.cid.empty());
  f.run(update_stemcell, {{"path", tarball}, {"fix", true}});
  CHECK(f.cpis.cpi().calls("create_stemcell") == 2);
}

TEST_CASE("a stemcell the cloud answered for before a crash is not created again") {
  Fixture f;
  TaskRecord record;
  record.type = "update_stemcell";
  record.arguments = {{"path", f.stemcell("1.0")}};
  const auto task = f.tasks.insert(record, f.now);
  const auto step = f.stores.journal.begin(task.id, "create_stemcell", "", {}, f.now);
  f.stores.journal.finish(step.id, {{"cid", "sc-before"}}, f.now);
  f.run(update_stemcell, task);
  CHECK(f.cpis.cpi().calls("create_stemcell") == 0);
  CHECK(f.stores.stemcells.find("debian", "1.0", "")->cid == StemcellCid{"sc-before"});
}

TEST_CASE("a stemcell with a wrong image digest or a format no CPI takes is refused") {
  Fixture f;
  CHECK(code_of([&] { f.run(update_stemcell, {{"path", f.stemcell("1.0", "tampered")}}); }) != 0);
  CHECK(code_of([&] { f.run(update_stemcell, {{"path", f.stemcell("1.0", "image", "vsphere-ova")}}); }) == 50008);
  CHECK(f.stores.stemcells.all().empty());
  CHECK(f.cpis.cpi().calls("create_stemcell") == 0);
}

TEST_CASE("an image that another stemcell has too stays in the cloud until the last of them goes") {
  Fixture f;
  f.run(update_stemcell, {{"path", f.stemcell("1.0")}});
  auto twin = f.stores.stemcells.find("debian", "1.0", "").value();
  twin.version = "1.1";
  f.stores.stemcells.insert(twin, f.now);
  f.run(delete_stemcell, {{"name", "debian"}, {"version", "1.0"}});
  CHECK(f.cpis.cpi().calls("delete_stemcell") == 0);
  f.run(delete_stemcell, {{"name", "debian"}, {"version", "1.1"}});
  CHECK(f.cpis.cpi().calls("delete_stemcell") == 1);
}

TEST_CASE("deleting a stemcell removes it from the cloud, unless a deployment uses it") {
  Fixture f;
  f.run(update_stemcell, {{"path", f.stemcell("1.0")}});
  const auto stemcell = f.stores.stemcells.find("debian", "1.0", "").value();
  auto deployment = f.stores.deployments.find_or_create("d", f.now);
  f.stores.deployments.record_success(deployment, {}, {stemcell.id}, f.now);
  CHECK(code_of([&] { f.run(delete_stemcell, {{"name", "debian"}, {"version", "1.0"}}); }) == 50004);
  CHECK(f.cpis.cpi().calls("delete_stemcell") == 0);
  f.stores.deployments.remove("d");
  f.run(delete_stemcell, {{"name", "debian"}, {"version", "1.0"}});
  CHECK(f.cpis.cpi().calls("delete_stemcell") == 1);
  CHECK(f.stores.stemcells.all().empty());
  CHECK(code_of([&] { f.run(delete_stemcell, {{"name", "debian"}, {"version", "1.0"}}); }) == 50003);
}

TEST_CASE("of a stemcell that is wanted no more only the manifest is kept, and its body is read all the same") {
  Fixture f;
  const std::string image(3'000'000, 'x');
  TextReader body(read_file(f.stemcell_tarball("1.0", image)));
  const auto folder = f.uploads.receive_stemcell(body, {}, [](const auto&) { return false; });
  char rest[16];
  CHECK(body.read(rest) == 0);
  CHECK(StemcellIntake(folder).manifest().version == "1.0");
  CHECK_FALSE(StemcellIntake(folder).has_image());
  // Somebody has deleted it meanwhile: there is nothing to make it from.
  CHECK(code_of([&] { f.run(update_stemcell, {{"path", folder.string()}}); }) != 0);
  f.run(update_stemcell, {{"path", f.stemcell("1.0")}});
  f.run(update_stemcell, {{"path", folder.string()}});
  CHECK(f.cpis.cpi().calls("create_stemcell") == 1);
}

TEST_CASE("an image that was not flushed before the host went down is noticed") {
  Fixture f;
  const fs::path folder = f.stemcell("1.0");
  CHECK_NOTHROW(StemcellIntake{folder});
  write_file_atomically(folder / "boot_id", "an earlier boot");
  CHECK_NOTHROW(StemcellIntake{folder});
  write_file_atomically(folder / "image", "imag\0");
  CHECK_THROWS_WITH_AS(StemcellIntake{folder}, doctest::Contains("upload it again"), Error);
}

TEST_CASE("an upload with another digest than the one announced leaves nothing") {
  Fixture f;
  const auto wrong = MultiDigest::parse(std::string(40, '0'));
  TextReader release("bytes"), stemcell(read_file(f.stemcell_tarball("1.0")));
  CHECK_THROWS_AS(f.uploads.receive(release, wrong), Error);
  CHECK_THROWS_AS(f.uploads.receive_stemcell(stemcell, wrong, {}), Error);
  CHECK(fs::is_empty(f.folder.path() / "uploads"));
}

TEST_CASE("leftovers of uploads are swept away and what a task still needs is not") {
  Fixture f;
  auto& uploads = f.uploads;
  TextReader first("one"), second("two");
  const auto needed = uploads.receive(first);
  TaskRecord record;
  record.type = "update_release";
  record.arguments = {{"path", needed.string()}};
  f.tasks.insert(record, f.now);
  const auto fresh = uploads.receive(second);
  write_file_atomically(f.folder.path() / "uploads" / "left.part", "x");
  uploads.sweep(f.tasks);
  CHECK(fs::exists(needed));
  CHECK(fs::exists(fresh));
  CHECK_FALSE(fs::exists(f.folder.path() / "uploads" / "left.part"));
  f.tasks.request_cancel(1, f.now);
  uploads.sweep(f.tasks);
  CHECK_FALSE(fs::exists(needed));
}

TEST_CASE("an upload larger than the disk is refused before its first byte") {
  struct Huge final : http::BodyReader {
    std::size_t read(std::span<char>) override { throw std::logic_error("must not be read"); }
    std::optional<std::uint64_t> length() const override { return 1ull << 60; }
  } body;
  TempDir folder;
  SystemRandom random;
  UploadFolder uploads(folder.path(), random);
  try {
    uploads.receive(body);
    FAIL("taken");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::exhausted);
  }
}
