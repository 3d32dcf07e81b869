// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    // Checked in every debug build, where all unit tests run; a call pays for it a thousand times.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

func module(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: [.byName(name: name)] + dependencies,
        swiftSettings: settings
    )
}

// The manifest is the architecture, bottom to top: a module imports only what stands on its line.
let targets: [Target] = [
    // C libraries, each stopping at the one module that owns its pointers.
    .systemLibrary(name: "CLinux"),
    .systemLibrary(
        name: "CCurl",
        pkgConfig: "libcurl",
        providers: [.apt(["libcurl4-openssl-dev"])]
    ),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    // SwiftPM says that it drops GLib's -pthread: glibc has had its threads inside since 2.34.
    .systemLibrary(
        name: "CPango",
        pkgConfig: "pangocairo",
        providers: [.apt(["libpango1.0-dev"])]
    ),

    // Vocabulary.
    module("Schema"),

    // Mechanism: knows no Farebox table, provider or rule.
    module("Digest", "CCrypto"),
    module("EventLoop", "CLinux"),
    module("HTTPServer", "EventLoop"),
    module("Curl", "EventLoop", "CCurl"),
    module("Postgres", "Digest", "CPostgres"),
    module("Journal", "CSQLite"),
    module("Documents", "CPango"),

    // Pure.
    module("Tokenizer"),
    module("Formats", "Schema", "Tokenizer"),

    // Domain.
    module("Ledger", "Schema", "Postgres", "Digest"),
    module("Billing", "Ledger", "Schema", "Postgres", "Digest", "Documents"),
    module(
        "Ingress",
        "Billing",
        "Ledger",
        "Formats",
        "Tokenizer",
        "Schema",
        "HTTPServer",
        "Curl",
        "Journal",
        "EventLoop",
        "Digest"
    ),

    // What programs read of all this.
    module("Shapes", "Billing", "Ledger", "Schema", "Digest"),
    module(
        "Payments",
        "Billing",
        "Ledger",
        "Schema",
        "Postgres",
        "Curl",
        "EventLoop",
        "Digest"
    ),
    module(
        "Console",
        "Payments",
        "Shapes",
        "Billing",
        "Ledger",
        "Schema",
        "HTTPServer",
        "EventLoop",
        "Digest"
    ),
    module("Webhooks", "Ledger", "Schema", "Postgres", "Curl", "EventLoop"),

    // Composition root and command line.
    .executableTarget(
        name: "farebox",
        dependencies: [
            "Ingress", "Console", "Webhooks", "Payments", "Shapes", "Billing", "Ledger", "Formats",
            "Tokenizer", "Schema",
            "HTTPServer", "Curl", "Journal", "Postgres", "EventLoop", "Digest",
        ],
        swiftSettings: settings
    ),

    // What the tests of several modules share: a throwaway database.
    .target(
        name: "TestSupport",
        dependencies: ["Postgres"],
        path: "Tests/TestSupport",
        swiftSettings: settings
    ),
    // The ledger's tables and transactions as a value, for tests and for the simulator.
    .target(
        name: "LedgerModel",
        dependencies: ["Ledger", "Schema", "Digest"],
        path: "Tests/LedgerModel",
        swiftSettings: settings
    ),
    tests("Schema"),
    tests("Curl", "EventLoop"),
    .testTarget(
        name: "WebhooksTests",
        dependencies: [
            "Webhooks", "Ledger", "Schema", "Postgres", "Curl", "EventLoop", "HTTPServer",
            "TestSupport",
        ],
        swiftSettings: settings
    ),
    .testTarget(
        name: "PaymentsTests",
        dependencies: [
            "Payments", "Billing", "Ledger", "Schema", "Postgres", "Curl", "EventLoop",
            "HTTPServer", "Digest", "TestSupport",
        ],
        swiftSettings: settings
    ),
    tests("Console", "Payments", "Shapes", "Billing", "Ledger", "Schema", "HTTPServer"),
    .testTarget(
        name: "IngressTests",
        dependencies: [
            "Ingress", "Formats", "Schema", "HTTPServer", "EventLoop", "Journal", "Ledger",
            "LedgerModel",
        ],
        swiftSettings: settings
    ),
    .testTarget(
        name: "FareboxTests",
        dependencies: ["farebox", "Ingress", "Billing", "Formats", "Payments", "Schema"],
        swiftSettings: settings
    ),
    .testTarget(name: "TidyTests", swiftSettings: settings),
    tests("Billing", "Ledger", "Schema", "Postgres", "Digest", "Documents", "TestSupport"),
    tests("Postgres", "TestSupport"),
    tests("Digest"),
    tests("Tokenizer"),
    tests("Formats", "Schema", "Tokenizer"),
    tests("Ledger", "Schema", "Postgres", "Digest", "LedgerModel", "TestSupport"),
    tests("EventLoop"),
    tests("HTTPServer", "EventLoop"),
    tests("Journal"),
    tests("Documents", "TestSupport"),
]

// Fuzzers link a main of their own and instrument all they touch, so a plain build must not see
// them: `scripts/fuzz` does.
func fuzzer(_ name: String, at path: String, _ dependencies: Target.Dependency...) -> Target {
    .executableTarget(
        name: "fuzz-\(name)",
        dependencies: dependencies,
        path: "Fuzz/\(path)",
        exclude: ["corpus", "dictionary"],
        swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]
    )
}

let fuzzers =
    Context.environment["FAREBOX_FUZZ"] == nil
    ? []
    : [
        fuzzer("http-codec", at: "HTTPCodec", "HTTPServer"),
        fuzzer("event-stream", at: "EventStream", "Formats"),
        fuzzer("json-scan", at: "JSONScan", "Formats"),
        fuzzer("request-formats", at: "RequestFormats", "Formats", "Schema"),
        fuzzer("stream-formats", at: "StreamFormats", "Formats", "Schema"),
        fuzzer("unary-formats", at: "UnaryFormats", "Formats", "Schema"),
    ]

// Drivers of benchmarks, which `benchmarks/ledger`, `benchmarks/tokenizer` and
// `benchmarks/translation` build and nobody installs.
let benchmarks: [Target] =
    Context.environment["FAREBOX_BENCHMARKS"] == nil
    ? []
    : [
        .executableTarget(
            name: "ledger-benchmark",
            dependencies: ["Ledger", "Postgres", "Schema"],
            path: "benchmarks/ledger-driver",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "tokenizer-benchmark",
            dependencies: ["Tokenizer"],
            path: "benchmarks/tokenizer-driver",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "translation-benchmark",
            dependencies: ["Formats", "Schema"],
            path: "benchmarks/translation-driver",
            swiftSettings: settings
        ),
    ]

// The simulator is built in release, into a folder of its own: `scripts/simulate` does.
let simulator: [Target] =
    Context.environment["FAREBOX_SIMULATOR"] == nil
    ? []
    : [
        .executableTarget(
            name: "simulate",
            dependencies: ["LedgerModel", "Ingress", "Ledger", "Journal", "Schema", "Digest"],
            path: "Simulator",
            swiftSettings: settings
        )
    ]

let package = Package(
    name: "farebox",
    products: [.executable(name: "farebox", targets: ["farebox"])],
    targets: targets + fuzzers + benchmarks + simulator
)
