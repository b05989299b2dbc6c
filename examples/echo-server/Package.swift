// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "echo-server",
    dependencies: [.package(name: "martlet", path: "../..")],
    targets: [
        .executableTarget(
            name: "echo-server", dependencies: [.product(name: "MartletEngine", package: "martlet")],
            swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)])
    ]
)
