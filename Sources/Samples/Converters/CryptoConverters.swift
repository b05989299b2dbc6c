import Base
import COpenSSL

/// Digests, message authentication and decryption, by libcrypto (manual, section 7.3.1).
enum CryptoConverters {
    static let all: [ConverterKeyword] = [
        ConverterKeyword(
            "sha1", .none, .type(.binary), .type(.binary), "The SHA-1 digest",
            prepare: { _, _ throws(ArgumentFailure) in try Digest("sha1", 0) }, convert: digest),
        ConverterKeyword(
            "sha2", ArgumentShape(optional: [.integer]), .type(.binary), .type(.binary), "A digest of the SHA-2 family",
            prepare: { arguments, _ throws(ArgumentFailure) in
                let bits = arguments.integer(0, default: 256)
                guard [224, 256, 384, 512].contains(bits) else {
                    throw ArgumentFailure(0, "there are digests of 224, 256, 384 and 512 bits")
                }
                return try Digest("sha\(bits)", 0)
            }, convert: digest),
        ConverterKeyword(
            "digest", ArgumentShape([.string]), .type(.binary), .type(.binary), "A digest by its name in OpenSSL",
            prepare: { arguments, _ throws(ArgumentFailure) in
                try Digest(String(decoding: arguments.string(0), as: UTF8.self), 0)
            }, convert: digest),
        ConverterKeyword(
            "hmac", ArgumentShape([.string, .string]), .type(.binary), .type(.binary),
            "A message authentication code (RFC 2104); the key is Base64",
            prepare: { arguments, _ throws(ArgumentFailure) in
                let digest = try Digest(String(decoding: arguments.string(0), as: UTF8.self), 0)
                return KeyedDigest(digest, try SecretOperand(arguments, 1))
            }
        ) { sample, scope, arguments in
            guard let keyed = arguments.made(KeyedDigest.self) else { return nil }
            return keyed.key.bytes(scope).flatMap { keyed.digest.authenticate(sample.span, key: $0.span, scope) }
        },
        ConverterKeyword(
            "aes_gcm_dec", ArgumentShape([.integer, .string, .string, .string]), .type(.binary), .type(.binary),
            "Decrypts AES-GCM; nonce, key and tag are Base64",
            prepare: { arguments, _ throws(ArgumentFailure) in try GaloisDecryption(arguments) }
        ) { sample, scope, arguments in
            arguments.made(GaloisDecryption.self)?.decrypt(sample.span, scope)
        },
        ConverterKeyword(
            "secure_memcmp", ArgumentShape([.variable]), .type(.binary), .type(.boolean),
            "Whether the value is that of a variable, in a time that does not tell where they differ"
        ) { sample, scope, arguments in
            guard case .variable(let name) = arguments[0], let value = scope.variable(name),
                let other = SampleCasts.cast(value, to: .type(.binary), scope)
            else { return nil }
            guard sample.byteCount == other.byteCount else { return Sample(false) }
            // SAFETY: both have that many bytes.
            return unsafe Sample(
                CRYPTO_memcmp(sample.bytes.baseAddress, other.bytes.baseAddress, sample.byteCount) == 0)
        },
    ]

    @Sendable
    private static func digest(_ sample: Sample, _ scope: SampleScope, _ arguments: Arguments) -> Sample? {
        arguments.made(Digest.self)?.digest(sample.span, scope)
    }
}

/// A digest algorithm of libcrypto.
// SAFETY: Sendable because the algorithm is constant; libcrypto keeps it until the process ends.
@safe
final class Digest: @unchecked Sendable {
    let algorithm: OpaquePointer
    let sizeBytes: Int

    init(_ name: String, _ index: Int) throws(ArgumentFailure) {
        // SAFETY: the name is read during the call.
        guard let algorithm = unsafe EVP_get_digestbyname(name) else {
            throw ArgumentFailure(index, "libcrypto knows no digest '\(name)'")
        }
        unsafe self.algorithm = algorithm
        sizeBytes = Int(unsafe EVP_MD_get_size(algorithm))
    }

    func digest(_ bytes: Span<UInt8>, _ scope: SampleScope) -> Sample? {
        scope.scratch.compose(.binary) { output in
            // SAFETY: the room is larger than the largest digest; the input is read during the call.
            unsafe output.fill { room in
                guard room.count >= Int(EVP_MAX_MD_SIZE) else { return nil }
                var count: UInt32 = 0
                let isDone = unsafe bytes.withUnsafeBytes {
                    unsafe EVP_Digest(
                        $0.baseAddress, $0.count, room.baseAddress?.assumingMemoryBound(to: UInt8.self), &count,
                        algorithm, nil)
                }
                return isDone == 1 ? Int(count) : nil
            }
        }
    }

    func authenticate(_ bytes: Span<UInt8>, key: Span<UInt8>, _ scope: SampleScope) -> Sample? {
        scope.scratch.compose(.binary) { output in
            // SAFETY: the room is larger than the largest digest; key and input are read during the call.
            unsafe output.fill { room in
                guard room.count >= Int(EVP_MAX_MD_SIZE) else { return nil }
                var count: UInt32 = 0
                let isDone = unsafe key.withUnsafeBytes { key in
                    unsafe bytes.withUnsafeBytes { bytes in
                        unsafe HMAC(
                            algorithm, key.baseAddress ?? UnsafeRawPointer(room.baseAddress), Int32(key.count),
                            bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count,
                            room.baseAddress?.assumingMemoryBound(to: UInt8.self), &count) != nil
                    }
                }
                return isDone ? Int(count) : nil
            }
        }
    }
}

/// A digest and where its key comes from.
final class KeyedDigest: Sendable {
    let digest: Digest
    let key: SecretOperand

    init(_ digest: Digest, _ key: SecretOperand) {
        self.digest = digest
        self.key = key
    }
}

/// Bytes in Base64 that an argument holds, or the variable that it names.
final class SecretOperand: Sendable {
    private let name: VariableName?
    private let literal: LiteralBytes?

    init(_ arguments: Arguments, _ index: Int) throws(ArgumentFailure) {
        let word = arguments.string(index)
        if let name = try? ArgumentReader.variable(word, index) {
            self.name = name
            literal = nil
            return
        }
        guard let bytes = Base64.decode(word, .standard) else {
            throw ArgumentFailure(index, "it is neither a variable nor Base64")
        }
        name = nil
        literal = LiteralBytes(bytes)
    }

    /// The bytes; nil when the variable is not set or holds no Base64.
    func bytes(_ scope: SampleScope) -> Sample? {
        if let literal { return literal.sample() }
        guard let name, let value = scope.variable(name),
            let text = SampleCasts.cast(value, to: .type(.string), scope)
        else { return nil }
        return scope.scratch.compose(.binary) { Base64.decode(text.span, .standard, to: &$0) }
    }
}

/// AES in Galois/counter mode (NIST SP 800-38D).
// SAFETY: Sendable because the cipher is constant; libcrypto keeps it until the process ends.
@safe
final class GaloisDecryption: @unchecked Sendable {
    private let cipher: OpaquePointer
    private let keyBytes: Int
    private let nonce: SecretOperand
    private let key: SecretOperand
    private let tag: SecretOperand

    init(_ arguments: Arguments) throws(ArgumentFailure) {
        let chosen: OpaquePointer?
        switch arguments.integer(0) {
        case 128: unsafe chosen = EVP_aes_128_gcm()
        case 192: unsafe chosen = EVP_aes_192_gcm()
        case 256: unsafe chosen = EVP_aes_256_gcm()
        default: throw ArgumentFailure(0, "a key has 128, 192 or 256 bits")
        }
        guard let chosen = unsafe chosen else { throw ArgumentFailure(0, "libcrypto has no AES-GCM") }
        unsafe cipher = chosen
        keyBytes = Int(arguments.integer(0) / 8)
        nonce = try SecretOperand(arguments, 1)
        key = try SecretOperand(arguments, 2)
        tag = try SecretOperand(arguments, 3)
    }

    /// The plain text; nil unless the tag is that of the text.
    func decrypt(_ bytes: Span<UInt8>, _ scope: SampleScope) -> Sample? {
        guard let nonce = nonce.bytes(scope), let key = key.bytes(scope), let tag = tag.bytes(scope),
            key.byteCount == keyBytes, nonce.byteCount > 0, (4...16).contains(tag.byteCount),
            let context = unsafe EVP_CIPHER_CTX_new()
        else { return nil }
        // SAFETY: the context is used and freed here; all lengths are those of the buffers; the plain text has as many
        // bytes as the cipher text.
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        return scope.scratch.compose(.binary) { output in
            unsafe output.fill { room in
                guard room.count >= bytes.count + 16 else { return nil }
                let plain = unsafe room.baseAddress?.assumingMemoryBound(to: UInt8.self)
                var count: Int32 = 0
                var rest: Int32 = 0
                let isDone = unsafe bytes.withUnsafeBytes { cipherText in
                    unsafe EVP_DecryptInit_ex(context, cipher, nil, nil, nil) == 1
                        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_IVLEN, Int32(nonce.byteCount), nil) == 1
                        && EVP_DecryptInit_ex(
                            context, nil, nil, key.bytes.bindMemory(to: UInt8.self).baseAddress,
                            nonce.bytes.bindMemory(to: UInt8.self).baseAddress) == 1
                        && EVP_DecryptUpdate(
                            context, plain, &count, cipherText.bindMemory(to: UInt8.self).baseAddress,
                            Int32(cipherText.count)) == 1
                        && EVP_CIPHER_CTX_ctrl(
                            context, EVP_CTRL_GCM_SET_TAG, Int32(tag.byteCount),
                            UnsafeMutableRawPointer(mutating: tag.bytes.baseAddress)) == 1
                        && EVP_DecryptFinal_ex(context, plain.map { unsafe $0 + Int(count) }, &rest) == 1
                }
                return isDone ? Int(count + rest) : nil
            }
        }
    }
}
