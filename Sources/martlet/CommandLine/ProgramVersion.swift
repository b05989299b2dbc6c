import Engine

/// What the program says of itself. Tools ask for the dialect: the line that begins with "HAProxy version".
enum ProgramVersion {
    static let martlet = "0.1.0"
    static let date = "2026/11/22"
    /// The version of the configuration language, for `version_atleast`.
    static let dialect = "3.4"

    static let banner = """
        Martlet version \(martlet) \(date) - load balancer for TCP and HTTP
        HAProxy version \(dialect)-martlet \(date) - the dialect of the configuration language

        """

    /// A name as tools know it, and whether what it stands for works here.
    struct Feature: Sendable {
        var name: String
        var isPresent: Bool

        init(_ name: String, _ isPresent: Bool) {
            self.name = name
            self.isPresent = isPresent
        }
    }

    /// The list of features of `-vv`, and what `feature(NAME)` answers.
    static let features: [Feature] = [
        .init("51DEGREES", false), .init("ACCEPT4", true), .init("BACKTRACE", false), .init("CLOSEFROM", false),
        .init("CPU_AFFINITY", false), .init("CRYPT_H", false), .init("DEVICEATLAS", false), .init("DL", false),
        .init("ENGINE", false), .init("EPOLL", true), .init("EVPORTS", false), .init("GETADDRINFO", true),
        .init("KQUEUE", false), .init("LIBCRYPT", false), .init("LINUX_SPLICE", false),
        .init("LINUX_TPROXY", false), .init("LUA", false), .init("MEMORY_PROFILING", false),
        .init("NETFILTER", false), .init("NS", false), .init("OBSOLETE_LINKER", false), .init("OPENSSL", false),
        .init("OT", false), .init("PCRE", false), .init("PCRE2", false), .init("PCRE2_JIT", false),
        .init("PCRE_JIT", false), .init("POLL", true), .init("PRCTL", false), .init("PROCCTL", false),
        .init("PROMEX", false), .init("QUIC", false), .init("RT", true), .init("SLZ", false), .init("SSL", false),
        .init("STATIC_PCRE", false), .init("STATIC_PCRE2", false), .init("SYSTEMD", true), .init("TFO", true),
        .init("THREAD", true), .init("THREAD_DUMP", false), .init("TPROXY", false), .init("WURFL", false),
        .init("ZLIB", false),
    ]

    static var presentFeatures: Set<String> {
        Set(features.lazy.filter(\.isPresent).map(\.name))
    }

    /// The text of `-vv`.
    static func details(allowed: PollerChoice, kernel: Kernel, processors: Int) -> String {
        let list = features.map { ($0.isPresent ? "+" : "-") + $0.name }.joined(separator: " ")
        return banner + """
            Build options :
              TARGET  = linux-glibc
              CPU     = \(architecture)
              CC      = \(compiler)
              OPTIONS = \(configuration)

            Feature list : \(list)

            Default settings :
              bufsize = 16384, maxrewrite = 1024, maxpollevents = 200

            Built with multi-threading support (MAX_THREADS=64, default=\(processors)).

            \(pollers(allowed: allowed, kernel: kernel))

            """
    }

    /// The pollers of this build, with preference and test result.
    static func pollers(allowed: PollerChoice, kernel: Kernel) -> String {
        var text = "Available polling systems :\n"
        var usable = 0
        var chosen: String?
        let reports = PollerChoice.reports(allowed: allowed, kernel: kernel)
        for report in reports {
            let padding = String(repeating: " ", count: max(0, 11 - report.name.utf8.count))
            let state = report.isAllowed ? "pref=\(report.preference), " : "disabled, "
            let reason = report.reason.map { " (\($0))" } ?? ""
            text += "\(padding)\(report.name) : \(state) test result \(report.works ? "OK" : "FAILED")\(reason)\n"
            guard report.isAllowed, report.works else { continue }
            usable += 1
            chosen = chosen ?? report.name
        }
        text += "Total: \(reports.count) (\(usable) usable)"
        return text + (chosen.map { ", will use \($0)." } ?? ", none can be used.")
    }

    private static var architecture: String {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "aarch64"
        #else
            "generic"
        #endif
    }

    private static var compiler: String {
        #if compiler(>=6.4)
            "swiftc 6.4 or later"
        #elseif compiler(>=6.3)
            "swiftc 6.3"
        #else
            "swiftc 6.2"
        #endif
    }

    private static var configuration: String {
        #if DEBUG
            "debug"
        #else
            "release"
        #endif
    }
}
