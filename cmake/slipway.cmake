# The three verbs every folder uses, so that warnings, sanitizers and test
# registration are written down once.

set(SLIPWAY_COMPILE_OPTIONS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
    -Wno-missing-field-initializers)
if(SLIPWAY_WERROR)
  list(APPEND SLIPWAY_COMPILE_OPTIONS -Werror)
endif()

# Only the libraries a program really calls are loaded: the agent stays small.
add_link_options(-Wl,--as-needed)

if(SLIPWAY_SANITIZE)
  add_compile_options(-fsanitize=${SLIPWAY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SLIPWAY_SANITIZE})
endif()

find_program(SLIPWAY_MOLD mold)
if(SLIPWAY_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
find_program(SLIPWAY_CCACHE ccache)
if(SLIPWAY_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SLIPWAY_CCACHE})
endif()

# slipway_library(slipway_base SOURCES a.cpp … [DEPENDS targets…])
function(slipway_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${SLIPWAY_COMPILE_OPTIONS})
  target_link_libraries(${name} PUBLIC ${arg_DEPENDS})
endfunction()

# What a running system needs, without the tests: `./dev build release programs`.
add_custom_target(programs)

# slipway_program(slipway-director SOURCES main.cpp DEPENDS targets…)
function(slipway_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${SLIPWAY_COMPILE_OPTIONS})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
  if(NOT CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/test/")
    add_dependencies(programs ${name})
  endif()
endfunction()

# slipway_test(base_test SUITE unit SOURCES a_test.cpp … DEPENDS targets…)
# SUITE is the word that `./dev test SUITE` takes. doctest's main is linked in.
# LAUNCHER is a command the program is an argument of, such as test/contract/in-lab NAME.
function(slipway_test name)
  cmake_parse_arguments(arg "" "SUITE;TIMEOUT" "SOURCES;DEPENDS;ARGS;LAUNCHER" ${ARGN})
  add_executable(${name} ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/test/doctest_main.cpp)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${SLIPWAY_COMPILE_OPTIONS})
  target_link_libraries(${name} PRIVATE doctest::doctest ${arg_DEPENDS})
  add_test(NAME ${name} COMMAND ${arg_LAUNCHER} $<TARGET_FILE:${name}> ${arg_ARGS}
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_SUITE}")
  if(arg_TIMEOUT)
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT})
  endif()
endfunction()
