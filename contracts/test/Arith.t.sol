// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Blocks} from "../src/arith/Blocks.sol";
import {ArithBase} from "./ArithBase.sol";
import {vm} from "./Vm.sol";

/// @dev The blocks at hand-picked words, and laws that hold for all words. contracts/arith.test.ts compares thousands
/// of results.
contract ArithTest is ArithBase {
    // ------------------------------------------------------------ addition

    function test_sums_at_ties() public view {
        gives(FADD, 0x4b800000, ONE, 0x4b800000, "2^24 + 1: down to even");
        gives(FADD, 0x4b800001, ONE, 0x4b800002, "2^24 + 2 + 1: up to even");
        gives(FADD, 0x4b800000, 0x3f800001, 0x4b800001, "2^24 + 1 and a bit: up");
        gives(FADD, ONE, 0x33800000, ONE, "1 + 2^-24");
        gives(FADD, ONE, 0x33800001, 0x3f800001, "1 + 2^-24 and a bit");
        gives(FSUB, ONE, 0x33000000, ONE, "1 - 2^-25: half a unit of the binade below, to even");
        gives(FSUB, ONE, 0x33000001, 0x3f7fffff, "1 - 2^-25 and a bit");
        gives(FADD, LARGEST, 0x73000000, INF, "halfway above the largest");
        gives(FADD, LARGEST, 0x72ffffff, LARGEST, "less than halfway above it");
        gives(FADD, LARGEST, TINY, LARGEST, "terms 277 bits apart");
        gives(FSUB, TINY, LARGEST, LARGEST | SIGN, "the other way round");
    }

    function test_sums_of_subnormals_and_zeros() public view {
        gives(FADD, LARGEST_SUBNORMAL, TINY, LEAST_NORMAL, "into the normal range");
        gives(FSUB, LEAST_NORMAL, TINY, LARGEST_SUBNORMAL, "and back");
        gives(FADD, TINY, TINY | SIGN, ZERO, "cancelled: +0");
        gives(FADD, ZERO, MINUS_ZERO, ZERO, "+0 + -0");
        gives(FADD, MINUS_ZERO, MINUS_ZERO, MINUS_ZERO, "-0 + -0");
        gives(FSUB, MINUS_ZERO, ZERO, MINUS_ZERO, "-0 - +0");
        gives(FSUB, ZERO, ZERO, ZERO, "+0 - +0");
        gives(FADD, MINUS_ZERO, TINY | SIGN, TINY | SIGN, "-0 and a subnormal");
    }

    function test_infinities_and_nans() public view {
        gives(FADD, INF, INF | SIGN, NAN, "inf - inf");
        gives(FSUB, INF, INF, NAN, "inf - inf by fsub");
        gives(FADD, INF, INF, INF, "inf + inf");
        gives(FADD, ONE, INF | SIGN, INF | SIGN, "1 - inf");
        gives(FMUL, INF, MINUS_ZERO, NAN, "inf * -0");
        gives(FMUL, INF | SIGN, TINY, INF | SIGN, "-inf * tiny");
        gives(FDIV, INF, INF, NAN, "inf / inf");
        gives(FDIV, ZERO, MINUS_ZERO, NAN, "0 / 0");
        gives(FDIV, ONE, MINUS_ZERO, INF | SIGN, "1 / -0");
        gives(FDIV, ONE, INF | SIGN, MINUS_ZERO, "1 / -inf");
        gives(FDIV, INF | SIGN, ONE, INF | SIGN, "-inf / 1");
        gives(FFMA, INF, ZERO, NAN, NAN, "inf * 0 + nan");
        gives(FFMA, INF, ONE, INF | SIGN, NAN, "inf - inf in fma");
        gives(FFMA, INF, ONE, INF, INF, "inf + inf in fma");
        gives(FFMA, ONE, ONE, INF | SIGN, INF | SIGN, "1 - inf in fma");
        gives(FFMA, ZERO, INF, ONE, NAN, "0 * inf + 1");
        for (uint256 code = FADD; code <= FMAX; code++) {
            gives(code, SIGNALLING, ONE, ONE, NAN, "any NaN becomes the one");
            if (code != FSQRT) gives(code, ONE, 0x7fffffff, ONE, NAN, "the second one too");
        }
    }

    // ------------------------------------- products, quotients and roots

    function test_products() public view {
        gives(FMUL, 0x3f800001, 0x3f800001, 0x3f800002, "(1 + u)^2");
        gives(FMUL, 0x3fc00000, 0x3f800001, 0x3fc00002, "1.5 (1 + u): a tie, up to even");
        gives(FMUL, TINY, HALF, ZERO, "half of the least: to even");
        gives(FMUL, 3, HALF, 2, "half of three: to even");
        gives(FMUL, TINY, 0x3f000001, TINY, "more than half of the least");
        gives(FMUL, TINY | SIGN, TINY, MINUS_ZERO, "far below: the zero of the sign");
        gives(FMUL, LEAST_NORMAL, 0x3f7fffff, LEAST_NORMAL, "rounds up into the normal range");
        gives(FMUL, LARGEST, 0x3f800001, INF, "beyond the largest");
        gives(FMUL, 0x5f800000, 0x5f7fffff, LARGEST, "the largest");
        gives(FMUL, LARGEST, LARGEST | SIGN, INF | SIGN, "far beyond it");
    }

    function test_fused_products() public view {
        gives(FFMA, 0x3f800800, 0x3f800800, 0xbf800000, 0x3a000400, "(1 + 2^-12)^2 - 1: not rounded between");
        gives(FFMA, 0x3f800001, 0x3f800001, 0xbf800002, 0x28800000, "what rounding a product loses");
        gives(FFMA, TINY, TINY, ONE, ONE, "a product far below");
        gives(FFMA, TINY, TINY | SIGN, LEAST_NORMAL, LEAST_NORMAL, "below half a unit of the least normal");
        gives(FFMA, TINY, HALF, ZERO, ZERO, "a tie on the lowest grid");
        gives(FFMA, 0x3f800001, HALF, TINY, 0x3f000001, "a tiny addend that no tie needs");
        gives(FFMA, 0x3f800800, 0x3f800800, TINY, 0x3f801001, "a tie that a tiny addend breaks");
        gives(FFMA, 0x3f800800, 0x3f800800, TINY | SIGN, 0x3f801000, "and to the other side");
        gives(FFMA, 0x3f800800, 0x3f800800, ZERO, 0x3f801000, "and without it: to even");
        gives(FFMA, ZERO, LARGEST, TINY, TINY, "a product of zero on a high grid");
        gives(FFMA, ZERO, ONE | SIGN, MINUS_ZERO, MINUS_ZERO, "-0 + -0");
        gives(FFMA, ZERO, ONE | SIGN, ZERO, ZERO, "-0 + +0");
        gives(FFMA, ONE, ONE, ONE | SIGN, ZERO, "cancelled: +0");
        gives(FFMA, LARGEST, TWO, LARGEST | SIGN, LARGEST, "an overflow that the addend takes back");
    }

    function test_quotients() public view {
        gives(FDIV, ONE, 0x40400000, 0x3eaaaaab, "1 / 3");
        gives(FDIV, TWO, 0x40400000, 0x3f2aaaab, "2 / 3");
        gives(FDIV, TINY, TWO, ZERO, "half of the least: to even");
        gives(FDIV, 3, TWO, 2, "half of three: to even");
        gives(FDIV, 3, 0x40400000, TINY, "on the lowest grid");
        gives(FDIV, LEAST_NORMAL, 0x3f800001, LARGEST_SUBNORMAL, "just below the normal range");
        gives(FDIV, LARGEST, HALF, INF, "beyond the largest");
        gives(FDIV, LARGEST | SIGN, TINY, INF | SIGN, "far beyond it");
        gives(FDIV, TINY, LARGEST | SIGN, MINUS_ZERO, "far below the least");
        gives(FDIV, LARGEST, LARGEST, ONE, "equal");
        gives(FDIV, LARGEST_SUBNORMAL, TINY, 0x4afffffe, "subnormals");
        gives(FDIV, TINY, 0x0dffffff, 0x26800001, "a tie but for 2^-48");
    }

    function test_roots() public view {
        gives(FSQRT, ZERO, 0, ZERO, "+0");
        gives(FSQRT, MINUS_ZERO, 0, MINUS_ZERO, "-0");
        gives(FSQRT, TINY | SIGN, 0, NAN, "below zero");
        gives(FSQRT, INF | SIGN, 0, NAN, "-inf");
        gives(FSQRT, INF, 0, INF, "inf");
        gives(FSQRT, TWO, 0, 0x3fb504f3, "of 2");
        gives(FSQRT, 0x40800000, 0, TWO, "of 4");
        gives(FSQRT, TINY, 0, 0x1a3504f3, "of the least");
        gives(FSQRT, LARGEST_SUBNORMAL, 0, 0x1fffffff, "of the largest subnormal");
        gives(FSQRT, LEAST_NORMAL, 0, 0x20000000, "of the least normal");
        gives(FSQRT, LARGEST, 0, 0x5f7fffff, "of the largest");
        gives(FSQRT, 0x3f7fffff, 0, 0x3f7fffff, "just below 1");
    }

    // --------------------------------------------------------- comparison

    function test_comparisons() public view {
        gives(FMAX, ZERO, MINUS_ZERO, ZERO, "+0 above -0");
        gives(FMAX, MINUS_ZERO, ZERO, ZERO, "either way");
        gives(FMAX, MINUS_ZERO, MINUS_ZERO, MINUS_ZERO, "-0");
        gives(FMAX, TINY | SIGN, LARGEST | SIGN, TINY | SIGN, "of negative numbers");
        gives(FMAX, INF | SIGN, LARGEST | SIGN, LARGEST | SIGN, "-inf");
        gives(FLT, MINUS_ZERO, ZERO, 0, "-0 is not below +0");
        gives(FLE, ZERO, MINUS_ZERO, 1, "nor above it");
        gives(FEQ, ZERO, MINUS_ZERO, 1, "they are equal");
        gives(FLT, TINY | SIGN, MINUS_ZERO, 1, "a negative subnormal");
        gives(FLT, LARGEST_SUBNORMAL, LEAST_NORMAL, 1, "neighbours");
        gives(FLT, INF | SIGN, INF, 1, "infinities");
        gives(FLE, ONE, ONE, 1, "equal");
        gives(FLT, ONE, ONE, 0, "equal, not below");
        for (uint256 code = FLT; code <= FEQ; code++) {
            gives(code, NAN, NAN, 0, "NaN with itself");
            gives(code, SIGNALLING, INF, 0, "NaN first");
            gives(code, INF | SIGN, NAN, 0, "NaN second");
        }
    }

    // -------------------------------------------------------- conversion

    function test_conversions() public view {
        gives(F2I, 0x3fffffff, 0, 1, "toward zero");
        gives(F2I, 0xbfffffff, 0, 0xffffffff, "from below");
        gives(F2I, LARGEST_SUBNORMAL | SIGN, 0, 0, "a subnormal");
        gives(F2I, 0x4effffff, 0, 0x7fffff80, "the largest below 2^31");
        gives(F2I, 0x4f000000, 0, 0x7fffffff, "2^31 saturates");
        gives(F2I, 0xcf000000, 0, 0x80000000, "-2^31 is exact");
        gives(F2I, 0xcf000001, 0, 0x80000000, "below it saturates");
        gives(F2I, INF | SIGN, 0, 0x80000000, "-inf");
        gives(F2I, NAN, 0, 0, "NaN");
        gives(I2F, 0x01000001, 0, 0x4b800000, "2^24 + 1: a tie");
        gives(I2F, 0x01000003, 0, 0x4b800002, "2^24 + 3: a tie, up");
        gives(I2F, 0x80000000, 0, 0xcf000000, "-2^31");
        gives(I2F, 0xffffffff, 0, 0xbf800000, "-1");
        gives(I2F, 0x7fffffff, 0, 0x4f000000, "2^31 - 1");
        gives(U2F, 0xffffffff, 0, 0x4f800000, "2^32 - 1");
        gives(U2F, 0xffffff7f, 0, 0x4f7fffff, "just below a tie");
        gives(U2F, 0, 0, 0, "0");
        gives(CANON, LARGEST_SUBNORMAL | SIGN, 0, MINUS_ZERO, "a subnormal");
        gives(CANON, TINY, 0, ZERO, "the least");
        gives(CANON, LEAST_NORMAL | SIGN, 0, LEAST_NORMAL | SIGN, "a normal number");
        gives(CANON, SIGNALLING, 0, NAN, "NaN");
        gives(CANON, INF | SIGN, 0, INF | SIGN, "-inf");
    }

    function test_integers() public view {
        gives(IADD, 0xffffffff, 2, 1, "wraps");
        gives(ISUB, 0, 1, 0xffffffff, "wraps below");
        gives(IMUL, 0xffffffff, 0xffffffff, 1, "-1 * -1");
        gives(IMULH, 0xffffffff, 1, 0xffffffff, "the sign goes on");
        gives(IMULH, 0x80000000, 0x80000000, 0x40000000, "2^62");
        gives(ILT, 0x80000000, 0x7fffffff, 1, "signed");
        gives(ULT, 0x80000000, 0x7fffffff, 0, "unsigned");
        gives(IEQ, 7, 7, 1, "equal");
        gives(AND, 12, 10, 8, "and");
        gives(OR, 12, 10, 14, "or");
        gives(XOR, 12, 10, 6, "xor");
        gives(SHL, 0x80000001, 33, 2, "by b mod 32");
        gives(SHR, 0x80000001, 63, 1, "zeros enter");
        gives(SELECT, 0x80000000, SIGNALLING, 1, SIGNALLING, "moves bits; -0 is not the word 0");
        gives(SELECT, 0, 1, SIGNALLING, SIGNALLING, "else c");
    }

    // --------------------------------------------------- quantised blocks

    function test_quantised_blocks() public view {
        gives(QSHIFT, ONE, 32639, 14, "2^14 <= 32639 < 2^15");
        gives(QSHIFT, 0x3f7eff00, 32639, 14, "32639.5 goes to the even 32640");
        gives(QSHIFT, 0x3f7efeff, 32639, 15, "just below it");
        gives(QSHIFT, 0x3f3504f3, 5931641, 22, "5931641.5 goes up to the even neighbour");
        gives(QSHIFT, 0x3f3504f2, 5931641, 23, "just below it");
        gives(QSHIFT, TINY | SIGN, 32639, 163, "the least; signs do not matter");
        gives(QSHIFT, LARGEST, 32639, uint32(int32(-114)), "the largest");
        gives(QSHIFT, ONE, 0, uint32(int32(-1)), "a bound of 0 takes what rounds to it");
        gives(QSHIFT, MINUS_ZERO, 32639, 0, "zero");
        gives(QSHIFT, INF, 32639, 0, "inf");
        gives(QSHIFT, NAN, 32639, 0, "NaN");
        gives(F2Q, 0x3fc00000, 0, 2, "1.5: to even");
        gives(F2Q, 0x40200000, 0, 2, "2.5: to even");
        gives(F2Q, 0xc0200000, 0, 0xfffffffe, "-2.5");
        gives(F2Q, TINY, 149, 1, "the least");
        gives(F2Q, TINY, 148, 0, "half of it");
        gives(F2Q, 3, 148, 2, "half of three");
        gives(F2Q, LEAST_NORMAL, 125, 0, "2^-1 is even at 0");
        gives(F2Q, ONE, 31, 0x7fffffff, "2^31 saturates");
        gives(F2Q, ONE | SIGN, 31, 0x80000000, "-2^31 is exact");
        gives(F2Q, ONE, 0x7fffffff, 0x7fffffff, "a far shift");
        gives(F2Q, LARGEST, 0x80000000, 0, "a far shift down");
        gives(F2Q, ZERO, 0x7fffffff, 0, "zero stays");
        gives(F2Q, INF | SIGN, 0, 0x80000000, "-inf");
        gives(F2Q, NAN, 0, 0, "NaN");
        gives(Q2F, 0, 0, 5, ZERO, "+0");
        gives(Q2F, 0xffffffff, 0xffffffff, 0, ONE | SIGN, "-1");
        gives(Q2F, 0x80000000, 0, 63, ONE | SIGN, "-2^63 * 2^-63");
        gives(Q2F, 0, 0x01000001, 0, 0x4b800000, "a tie");
        gives(Q2F, 1, 0x00000100, 0, 0x4f800000, "2^32 + 2^8: a tie");
        gives(Q2F, 1, 0x00000101, 0, 0x4f800001, "and a bit");
        gives(Q2F, 0, 1, 149, TINY, "the least");
        gives(Q2F, 0, 1, 150, ZERO, "half of it");
        gives(Q2F, 0xffffffff, 0xffffffff, 400, MINUS_ZERO, "far below: the zero of the sign");
        gives(Q2F, 0, 1, uint32(int32(-128)), INF, "beyond the largest");
        gives(Q2F, 0, 1, 0x80000000, INF, "a far shift up");
        gives(Q2F, 0, 1, 0x7fffffff, ZERO, "a far shift down");
    }

    function test_there_are_thirty_blocks() public {
        vm.expectRevert(abi.encodeWithSelector(Blocks.NoBlock.selector, 0));
        run(0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(Blocks.NoBlock.selector, 31));
        run(31, 0, 0);
    }

    // ------------------------------------------------------------- laws

    function testFuzz_operands_commute(uint32 a, uint32 b, uint32 c) public view {
        eq(run(FADD, a, b), run(FADD, b, a), "fadd");
        eq(run(FMUL, a, b), run(FMUL, b, a), "fmul");
        eq(run(FMAX, a, b), run(FMAX, b, a), "fmax");
        eq(run(FFMA, a, b, c), run(FFMA, b, a, c), "ffma");
    }

    function testFuzz_signs(uint32 a, uint32 b, uint32 c) public view {
        eq(run(FSUB, a, b), run(FADD, a, b ^ SIGN), "fsub");
        eq(negated(run(FMUL, a, b)), run(FMUL, a ^ SIGN, b), "fmul");
        eq(negated(run(FDIV, a, b)), run(FDIV, a, b ^ SIGN), "fdiv");
        uint256 sum = run(FFMA, a, b, c);
        // Rounding is symmetric, but for the sign of a cancelled sum.
        if (sum & MAGNITUDE != 0) eq(negated(sum), run(FFMA, a ^ SIGN, b, c ^ SIGN), "ffma");
    }

    function negated(uint256 a) private pure returns (uint256) {
        return isNan(a) ? a : a ^ SIGN;
    }

    function testFuzz_fma_is_the_others(uint32 a, uint32 b) public view {
        eq(run(FFMA, a, ONE, b), run(FADD, a, b), "a * 1 + b");
        // A zero of the product's own sign adds nothing.
        eq(run(FFMA, a, b, (a ^ b) & SIGN), run(FMUL, a, b), "a * b + 0");
    }

    /// @dev Division and root are right to half a unit: the neighbours' products lie on both sides.
    function testFuzz_quotients_and_roots_are_bracketed(uint32 a, uint32 b) public view {
        a = (a & 0x007fffff) | uint32(ONE);
        b = (b & 0x007fffff) | uint32(ONE);
        uint256 q = run(FDIV, a, b);
        uint256 rest = run(FFMA, q, b, a ^ SIGN) & MAGNITUDE;
        eq(run(FLE, rest, run(FMUL, run(FMUL, b, 0x33800000), q < ONE ? HALF : ONE)), 1, "|qb - a| <= b u / 2");
        uint256 r = run(FSQRT, a, 0);
        rest = run(FFMA, r, r, a ^ SIGN) & MAGNITUDE;
        eq(run(FLE, rest, run(FMUL, run(FADD, r, 0x33800000), 0x34000000)), 1, "|rr - a| <= r u and a bit");
    }

    function testFuzz_order(uint32 a, uint32 b) public view {
        uint256 cases = run(FLT, a, b) + run(FLT, b, a) + run(FEQ, a, b);
        eq(cases, isNan(a) || isNan(b) ? 0 : 1, "one of three");
        eq(run(FLE, a, b), run(FLT, a, b) | run(FEQ, a, b), "fle");
        uint256 larger = run(FMAX, a, b);
        if (cases == 1) eq(run(FLE, a, larger) & run(FLE, b, larger), 1, "fmax");
        eq(run(ILT, a, b), int32(a) < int32(b) ? 1 : 0, "ilt");
    }

    function testFuzz_integers_through_floats(uint32 a, uint32 b) public view {
        uint256 small = a >> 8;
        eq(run(F2I, run(U2F, small, 0), 0), small, "u2f is exact below 2^24");
        eq(run(F2I, run(I2F, run(ISUB, 0, small), 0), 0), run(ISUB, 0, small), "i2f too");
        eq(run(Q2F, 0, a, 0), run(U2F, a, 0), "q2f of an unsigned word");
        eq(run(Q2F, int32(a) < 0 ? type(uint32).max : 0, a, 0), run(I2F, a, 0), "q2f of a signed one");
        int256 product = int256(int32(a)) * int32(b);
        eq(run(IMUL, a, b) | run(IMULH, a, b) << 32, uint64(int64(product)), "the words of a product");
    }

    function testFuzz_shifts_fill_their_bound(uint32 a, bool wide) public view {
        if (a & INF == INF || a & MAGNITUDE == 0) a = 0x80000001;
        uint256 bound = wide ? 5931641 : 32639;
        uint256 s = run(QSHIFT, a, bound);
        eq(magnitudeOf(run(F2Q, a, s)) <= bound ? 1 : 0, 1, "fits");
        eq(magnitudeOf(run(F2Q, a, uint32(s + 1))) > bound ? 1 : 0, 1, "the next one does not");
    }

    function magnitudeOf(uint256 word) private pure returns (uint256) {
        int256 value = int32(uint32(word));
        return uint256(value < 0 ? -value : value);
    }

    function testFuzz_canonical_words_stay(uint32 a) public view {
        uint256 stored = run(CANON, a, 0);
        eq(run(CANON, stored, 0), stored, "twice is once");
        eq(stored & INF == 0 ? stored & MAGNITUDE : 0, 0, "no subnormal");
        eq(isNan(stored) ? stored : NAN, NAN, "one NaN");
    }
}
