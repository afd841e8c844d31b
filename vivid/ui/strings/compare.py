"""Sentences of the Compare tab: key -> (English, Chinese)."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "compare_about": (
        "Make the same video with different settings and watch the results in step.",
        "用不同设置生成同一段视频，并同步观看结果。",
    ),
    "compare_portrait": ("Portrait", "人像"),
    "compare_voice": ("Voice", "语音"),
    "compare_motion": ("Motion", "动作"),
    "compare_from_animate": ("As in the Animate tab", "与“制作”页相同"),
    "compare_presets": ("What to compare", "比较内容"),
    "compare_preset_calibrate": ("Pose calibration on / off", "姿态校准 开 / 关"),
    "compare_preset_codebook": ("Hand codebook on / off", "手部码本 开 / 关"),
    "compare_preset_head_stream": ("Head stream on / off", "头部音频流 开 / 关"),
    "compare_preset_ablations": ("Full method and each part off", "完整方法与逐一关闭各部分"),
    "compare_preset_seeds": ("Three seeds", "三个随机种子"),
    "compare_preset_steps": ("4, 8 and 16 steps", "4、8、16 步"),
    "compare_count": ("Columns", "列数"),
    "compare_seed": ("Seed", "随机种子"),
    "compare_steps": ("Steps", "步数"),
    "compare_guidance_audio": ("Guidance: voice", "引导：语音"),
    "compare_guidance_image": ("Guidance: picture", "引导：图像"),
    "compare_own": ("Steps and guidance: 0 is the model's own.", "步数与引导：0 表示模型默认值。"),
    "compare_calibrate": ("Pose calibration (PCT)", "姿态校准 (PCT)"),
    "compare_codebook": ("Hand codebook (HCC)", "手部码本 (HCC)"),
    "compare_head_stream": ("Head audio stream", "头部音频流"),
    "compare_poses": ("Also look for the hands in each video (slow)", "同时检测每段视频中的手（较慢）"),
    "compare_poses_info": (
        "Runs the pose detector over every frame: hand confidence and how much hands and head move",
        "对每一帧运行姿态检测：手部置信度，以及手和头的运动量",
    ),
    "compare_run": ("Compare", "开始比较"),
    "compare_stop": ("Stop", "停止"),
    "compare_link": ("Copy link to these settings", "复制这些设置的链接"),
    "compare_no_untrained": (
        "Not trained in this model, so it changes nothing: {parts}",
        "此模型未训练，故无作用：{parts}",
    ),
    "compare_without_effect": (
        "Without effect on this model: {parts}",
        "对此模型不起作用：{parts}",
    ),
    "compare_waiting": ("Column {letter}: waiting in line", "{letter} 列：排队中"),
    "compare_working": (
        "Column {letter} of {count}: step {done} of {total}, about {left} s left",
        "第 {letter} 列（共 {count} 列）：第 {done} / {total} 步，约剩 {left} 秒",
    ),
    "compare_measuring": ("Column {letter}: measuring", "{letter} 列：测量中"),
    "compare_done": ("Done.", "完成。"),
    "compare_same": (
        "The columns have the same settings: change one, or choose what to compare.",
        "各列设置相同：请修改其中一列，或选择比较内容。",
    ),
    "compare_unknown_input": (
        "There is no example named {name} here: choose another one.",
        "没有名为 {name} 的示例：请另选。",
    ),
    # The player
    "compare_empty": ("The videos appear here, side by side.", "视频将并排显示在这里。"),
    "compare_play": ("Play or pause all", "全部播放或暂停"),
    "compare_seek": ("Position in all videos", "所有视频的位置"),
    "compare_sound": ("Sound from {letter}", "声音来自 {letter}"),
    "compare_speed": ("Speed", "速度"),
    "compare_back": ("One frame back", "后退一帧"),
    "compare_forward": ("One frame on", "前进一帧"),
    "compare_csv": ("Download table (CSV)", "下载表格 (CSV)"),
    "compare_same_settings": ("same settings", "设置相同"),
    "compare_on": ("on", "开"),
    "compare_off": ("off", "关"),
    "compare_video": ("Video {letter}", "视频 {letter}"),
    # The table
    "compare_row_model": ("Model", "模型"),
    "compare_row_frames": ("Frames", "帧数"),
    "compare_row_seconds": ("Seconds of work", "耗时（秒）"),
    "compare_row_per_second": ("Work per second of video", "每秒视频耗时"),
    "compare_row_peak_memory_mb": ("Peak memory, MB", "峰值内存 (MB)"),
    "compare_row_bone_error": ("Bone error of the motion", "动作的骨骼误差"),
    "compare_row_reach": ("Wrists in reach", "手腕可及"),
    "compare_row_inside": ("Hands in picture", "手在画面内"),
    "compare_row_motion": ("Motion (levels)", "运动量（灰度级）"),
    "compare_row_flicker": ("Flicker (levels)", "闪烁（灰度级）"),
    "compare_row_difference": ("Difference from A (levels)", "与 A 的差异（灰度级）"),
    "compare_row_hkc": ("Hand confidence (HKC)", "手部置信度 (HKC)"),
    "compare_row_hkv": ("Hand variance (HKV), %² of height", "手部方差 (HKV)，高度的 %²"),
    "compare_row_hmv": ("Head variance (HMV), %² of height", "头部方差 (HMV)，高度的 %²"),
    "compare_explained": (
        "Bone error, reach and inside judge the motion that was drawn, not the video. Motion, flicker and difference "
        "are mean changes of brightness (0 to 255). HKC, HKV and HMV come from our pose detector; they are not "
        "comparable with the paper's numbers.",
        "骨骼误差、手腕可及和手在画面内评价的是所用动作而非视频。运动量、闪烁和差异是亮度（0–255）的平均变化。"
        "HKC、HKV、HMV 由我们的姿态检测器测得，与论文数值不可比。",
    ),
}
