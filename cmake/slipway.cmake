# The three verbs every folder uses, so that warnings, sanitizers and test
# registration are written down once.

set(SLIPWAY_COMPILE_OPTIONS -Wall -Wextra -Wpedantic -Wnon-virtual-dtor -Woverloaded-virtual
    -Wno-missing-field-initializers)
# Clang calls it shadowing too when a parameter is called as something of another file that is joined with this one.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND SLIPWAY_COMPILE_OPTIONS -Wshadow)
endif()
if(SLIPWAY_WERROR)
  list(APPEND SLIPWAY_COMPILE_OPTIONS -Werror)
endif()

# Only the libraries a program really calls are loaded: the agent stays small.
add_link_options(-Wl,--as-needed)

if(SLIPWAY_SANITIZE)
  add_compile_options(-fsanitize=${SLIPWAY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SLIPWAY_SANITIZE})
  add_compile_definitions(SLIPWAY_SANITIZED)
  add_library(slipway_sanitizer_defaults OBJECT ${PROJECT_SOURCE_DIR}/test/sanitizer_defaults.cpp)
  link_libraries(slipway_sanitizer_defaults)
endif()

if(SLIPWAY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(SLIPWAY_MOLD mold)
if(SLIPWAY_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
find_program(SLIPWAY_CCACHE ccache)
if(SLIPWAY_CCACHE)
  # Another checkout's objects serve as well: the cache sees paths relative to the checkout. What it must not
  # ask of precompiled headers is what GCC's manual and ccache's say of them. Clang tells it which headers were
  # read: to preprocess each file for that would double the time of a first build.
  if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
    set(SLIPWAY_CCACHE_DEPEND CCACHE_DEPEND=1)
  endif()
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      ${SLIPWAY_CCACHE_DEPEND} CCACHE_SLOPPINESS=pch_defines,time_macros ${SLIPWAY_CCACHE})
endif()

# What nearly every file includes is read once, by slipway_base, and once more for the tests.
set(SLIPWAY_PRECOMPILED <algorithm> <chrono> <condition_variable> <filesystem> <fstream> <functional> <map> <memory>
    <mutex> <optional> <set> <sstream> <string> <thread> <vector> <base/json.hpp>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # -fpch-preprocess: else the compiler's cache does not see what was precompiled. The warnings: GCC 12 takes
  # std::string's operator+ for an overrun (its bug 105651), and does not hold that back for precompiled headers.
  add_compile_options(-fpch-preprocess -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  # For what includes Beast: an optional inlined from Boost that GCC 12 cannot follow.
  set(SLIPWAY_BEAST_OPTIONS -Wno-maybe-uninitialized)
else()
  # Else the compiler's cache takes the same header, precompiled again, for another.
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  # GCC 12's std::stable_sort uses what its own headers call deprecated.
  add_compile_options(-Wno-deprecated-declarations)
endif()

# Several files of one target are compiled as one, since most of the time of a full build goes into what
# all of them include. So names in their unnamed namespaces must differ; SEPARATE is for those whose names do not.
# A test file that names its own Fixture keeps all it has in a namespace named after the file.
set(SLIPWAY_FILES_AT_ONCE 6)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # It takes what a .cpp file keeps to itself for a header's.
  add_compile_options(-Wno-subobject-linkage)
endif()
function(slipway_join_files name separate)
  if(NOT separate)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${SLIPWAY_FILES_AT_ONCE})
  endif()
endfunction()

# slipway_library(slipway_base [SEPARATE] SOURCES a.cpp … [DEPENDS targets…])
function(slipway_library name)
  cmake_parse_arguments(arg "SEPARATE" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  slipway_join_files(${name} "${arg_SEPARATE}")
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${SLIPWAY_COMPILE_OPTIONS})
  target_link_libraries(${name} PUBLIC ${arg_DEPENDS})
  if(name STREQUAL slipway_base)
    target_precompile_headers(${name} PRIVATE ${SLIPWAY_PRECOMPILED})
  else()
    target_precompile_headers(${name} REUSE_FROM slipway_base)
  endif()
endfunction()

# What a running system needs, without the tests: `./dev build release programs`.
add_custom_target(programs)

# slipway_program(slipway-director SOURCES main.cpp DEPENDS targets…)
function(slipway_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  slipway_join_files(${name} "")
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${SLIPWAY_COMPILE_OPTIONS})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
  if(arg_DEPENDS MATCHES "slipway_")  # else it lacks what the header was compiled with
    target_precompile_headers(${name} REUSE_FROM slipway_base)
  endif()
  if(NOT CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/test/")
    add_dependencies(programs ${name})
  endif()
endfunction()

# doctest's main and what every test includes. Tests are compiled longer than they run: nothing in them is optimised.
set(SLIPWAY_TEST_OPTIONS ${SLIPWAY_COMPILE_OPTIONS} -O0)
add_library(slipway_test_support STATIC ${PROJECT_SOURCE_DIR}/test/authority.cpp ${PROJECT_SOURCE_DIR}/test/free_port.cpp)
target_compile_options(slipway_test_support PRIVATE ${SLIPWAY_TEST_OPTIONS})
target_link_libraries(slipway_test_support PUBLIC slipway_base)
add_library(slipway_doctest STATIC
  ${PROJECT_SOURCE_DIR}/test/doctest_main.cpp ${PROJECT_SOURCE_DIR}/test/doctest_json.cpp)
set_source_files_properties(${PROJECT_SOURCE_DIR}/test/doctest_main.cpp
  TARGET_DIRECTORY slipway_doctest PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
target_compile_options(slipway_doctest PRIVATE ${SLIPWAY_TEST_OPTIONS})
target_link_libraries(slipway_doctest PUBLIC doctest::doctest slipway_test_support slipway_base)
target_precompile_headers(slipway_doctest PRIVATE ${SLIPWAY_PRECOMPILED} <test/doctest_json.hpp>)

# slipway_test(base_test SUITE unit SOURCES a_test.cpp … DEPENDS targets…)
# SUITE is the word that `./dev test SUITE` takes. doctest's main is linked in.
# LAUNCHER is a command the program is an argument of, such as test/contract/in-lab NAME.
function(slipway_test name)
  cmake_parse_arguments(arg "" "SUITE;TIMEOUT" "SOURCES;DEPENDS;ARGS;LAUNCHER" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  slipway_join_files(${name} "")
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${SLIPWAY_TEST_OPTIONS})
  target_link_libraries(${name} PRIVATE slipway_doctest ${arg_DEPENDS})
  target_precompile_headers(${name} REUSE_FROM slipway_doctest)
  add_test(NAME ${name} COMMAND ${arg_LAUNCHER} $<TARGET_FILE:${name}> ${arg_ARGS}
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_SUITE}")
  if(NOT TARGET suite-${arg_SUITE})
    add_custom_target(suite-${arg_SUITE})
  endif()
  add_dependencies(suite-${arg_SUITE} ${name})
  # What a sanitizer watches takes several times as long.
  if(arg_TIMEOUT AND SLIPWAY_SANITIZE)
    math(EXPR arg_TIMEOUT "5 * ${arg_TIMEOUT}")
  endif()
  if(arg_TIMEOUT)
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT})
  endif()
endfunction()
