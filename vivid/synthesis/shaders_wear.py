"""GLSL surfaces of clothes, glasses and hair (see shaders.py)."""

FABRIC = """
void fabric(inout Surface s, vec3 base, float wrinkle) {
#if DETAIL
  base *= .94 + .12 * noise(C * 120.);
#endif
  vec3 w = C + .35 * vec3(noise(C * 1.3), noise(C * 1.3 + 7.), noise(C * 1.3 + 3.));
  s.normal = bump(s.normal, w * vec3(1., .45, 1.), 2.4, .28 * wrinkle);
#if DETAIL
  s.normal = bump(s.normal, w * vec3(.6, 1.5, .8), 3.1, .14 * wrinkle);
#endif
  s.albedo = base; s.roughness = .85; s.f0 = .03; s.specular = .4;
  if (!gl_FrontFacing) { s.normal = -s.normal; s.albedo *= .7; s.ao *= .75; }
}
"""

CLOTH = (
    FABRIC
    + """
void surface(inout Surface s) {
  if (covered(1, C, A, mix(.40, .10, smoothstep(2.6, 4.0, C.y)))) discard;
  vec3 base = cloth;
  if (pattern > .5 && pattern < 1.5) base = mix(cloth, cloth2, smoothstep(.45, .55, abs(fract(C.y * 1.5 +
      .25 * A) - .5) * 2.));
  else if (pattern > 2.5 && pattern < 6.5 && C.z > 0. &&
      A < .4) {          // shirt front: placket and buttons
    base *= 1. - .16 * smoothstep(.02, .0, abs(abs(C.x) - .15));
    base = mix(base, mix(cloth2, vec3(.75), .6), smoothstep(.050, .040, length(vec2(C.x, (fract(C.y *
        1.15) - .5) * .87))));
  } else if (pattern > 3.5 && pattern < 4.5) base = mix(cloth, cloth2, smoothstep(4.2, 4.24, C.y));
  if (pattern > 4.5 && pattern < 5.5) base *= 1. - .22 * smoothstep(.35, .5, abs(fract((C.x + .4 * A) *
      4.) - .5));
  if (pattern > 5.5 && pattern < 6.5) {
    float a = smoothstep(.55, .65, abs(fract(C.y * 1.4) - .5) * 2.), b = smoothstep(.55, .65,
        abs(fract(C.x * 1.4) - .5) * 2.);
    base = mix(cloth, mix(cloth, cloth2, .6), .5 * a + .5 * b);
  }
  if (pattern > 6.5) base *= .90 + .14 * smoothstep(.2, .8, abs(fract(C.x * 7. + A * 2.) - .5) * 2.);
        // rib knit
  if (C.y < .55) base = pants;
  float seam = (neck_line(0, C) - C.y) * 1.2;
  if (A >= 0.) seam = min(seam, (garm[0].x - A) * 1.6);
  base *= 1. - .18 * smoothstep(.02, .0, abs(seam - .12));
  fabric(s, base, 1.);
  s.ao *= mix(1., .65, smoothstep(.5, -.1, A) * smoothstep(1.15, 1.5, abs(C.x)) * smoothstep(5.0, 3.9, C.y));
}
"""
)

JACKET = (
    FABRIC
    + """
void surface(inout Surface s) {
  vec3 base = L > .5 ? jcol * 1.12 : jcol;
  fabric(s, base, L > .5 ? .35 : .8);
  float e = abs(C.x) - opening(C);
  if (L < .5 && lapel(C + vec3(sign(C.x) * -.03, .03, 0))) s.ao *= .6;
  if (L < .5) s.albedo *= 1. - .3 * smoothstep(.05, .0, e) * step(.3, C.z);
}
"""
)

COLLAR = (
    FABRIC
    + """
void surface(inout Surface s) {
  fabric(s, cloth * (U.y > .55 ? 1.04 : .96), .45);
  s.albedo *= 1. - .10 * smoothstep(.02, .0, abs(U.y - .93));
}
"""
)

FRAME = """
void surface(inout Surface s) { s.albedo = frame_col; s.roughness = .25; s.f0 = .06; s.specular = 1.2;
    s.ao = 1.; }
"""

HAIR = """
void main() {
  vec3 n = normalize(N), v = normalize(eye - P), t = normalize(T);
  vec3 q = C + curl * .10 * vec3(noise(C * 5.), noise(C * 5. + 9.), noise(C * 5. + 5.));
  vec3 a = normalize(cross(t, vec3(.3, .1, .9))), b = cross(t, a);
  vec3 sp = vec3(dot(q, a) * hairfreq, dot(q, b) * hairfreq, dot(q, t) * hairfreq * mix(.06, .5, curl));
  float s = noise(sp) * .65 + noise(sp * 2.3) * .35;
  if (s < mix(.05, .72, L) * (2. - hairdens) + (1. - smoothstep(0., .85, H)) * .75) discard;
  vec3 albedo = mix(haircol, hairtip, s * .6 + .3 * L) * (.45 + .65 * L) * (.8 + .4 * noise(sp * 1.7));
  if (!gl_FrontFacing) n = -n;
  float ao = (.45 + .55 * L) * clamp(O * 1.25, 0., 1.);
  colour = vec4(tone(shade_hair(albedo, n, t, v, ao, shadow_at(), 1. - .7 * curl)), 1);
}
"""

BEARD = """
void main() {
  float m = facial_hair(C);
  if (m < .02) discard;
  float lips = smoothstep(.25, .7, texture(masks, U).r);
  float s = noise(vec3(C.x * 75. + C.y * 18., C.y * 17., C.z * 60.)) * .6
          + noise(vec3(C.x * 150., C.y * 30., C.z * 120.)) * .4;
  if (s < mix(.12, .70, L) + (1. - m) * .8 + lips * 2.) discard;
  vec3 n = normalize(N), v = normalize(eye - P), t = normalize(T + vec3(C.x * .4, 0., 0.));
  vec3 albedo = mix(haircol, hairtip, s * .5 + .2 * L) * (.45 + .55 * L) * (.75 + .4 * noise(C * 45.));
  colour = vec4(tone(shade_hair(albedo, n, t, v, (.5 + .5 * L) * clamp(O * 1.2, 0., 1.), shadow_at(), .5)), 1);
}
"""

CURTAIN = """
void main() {
  CUT
  vec3 n = normalize(N), v = normalize(eye - P), t = normalize(T);
  if (!gl_FrontFacing) n = -n;
  t = normalize(t + n * (strand - .5) * .5);
  float lock = noise(vec3(U.x * 130., U.y * 5., 1.));
  vec3 albedo = mix(haircol, hairtip, strand * .5 + .25 * L + .25 * (1. - C.y)) * (.6 + .4 * L) * (.55 +
      .85 * lock);
  float ao = (.55 + .45 * L) * clamp(O * 1.3, 0., 1.);
  colour = vec4(tone(shade_hair(albedo, n, t, v, ao, shadow_at(), .8)), 1);
}
"""
